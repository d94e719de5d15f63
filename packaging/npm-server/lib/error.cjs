"use strict";

exports.LockwatchServerError = class LockwatchServerError extends Error {
  name = "LockwatchServerError";
};
