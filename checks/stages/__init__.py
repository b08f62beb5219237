"""The stages of a supervisor in Python (exercises `p3.stage1` to `p3.stage4`): what each one must do.

A stage is one file, run as PID 1 of a sandbox::

    /usr/bin/python3 /opt/lab/stageN.py /etc/lab/MANIFEST.json

The manifest is the JSON of `helpers.manifest.Manifest` (its services are under the key `services`; what has a
default there may be left out). The program uses the standard library only.

**What it reports.** A line of JSON on standard output for each event, in the order in which things happen,
written at once. Other lines there, and what is written to standard error, are for people:

| event | said when | other keys | since |
|---|---|---|---|
| `start` | a process of the service has been started | `pid` | 1 |
| `exit` | a process of the service has ended and been reaped | `pid`, and `code` or `signal` | 1 |
| `restart` | it will be started again | `delay`: seconds from now | 2 |
| `down` | nobody will start it again | `reason`: `policy`, `limit` or (a oneshot) `failed` | 2, 3 |
| `ready` | it counts as ready: who depends on it may start | | 3 |
| `late` | a longrun was not ready in its readiness' `timeout`; once for each life | | 4 |

Every event has the keys `event` and `service` (its name). `code` is the exit status (0 to 255), `signal` the
number of the signal that killed it: one of the two, never both. Keys that are not in the table may be there
too; a later stage says everything an earlier one does.

**What ends it.** PID 1 goes on when its services have ended; SIGTERM stops them all, and then it ends with 0.
Until stage 4 catches it, what services write goes where PID 1's own output goes.

`first`, `second`, `third` (with `third_lost` and `third_stopping`) and `fourth` (with `fourth_logs` and
`fourth_stack`) are the suites. `box` is the sandbox a stage runs in, the events it reports, and `actor`, the
service that does as it is told (it tells in a file, so that it does not matter what becomes of its output).
`earlier.keeps` adds one behaviour to a stage: that it does what the one before does. The control of each
suite is the course's own solution. `STAGES` of `checks.pid1` names behaviours of the PID 1 suite by
stage.
"""
