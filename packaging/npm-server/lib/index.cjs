"use strict";

const { LockwatchServerError } = require("./error.cjs");
const { modulePath } = require("./module.cjs");
const { findServer } = require("./server.cjs");

exports.LockwatchServerError = LockwatchServerError;
exports.modulePath = modulePath;
exports.serverPath = () => findServer().path;
