#!/usr/bin/env node
"use strict";

require("../lib/command.cjs").main();
