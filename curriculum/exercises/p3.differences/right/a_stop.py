# Other signals, other witnesses: what a stop does, and USR1 that ends a sleep.
DIFFERENCES = [
    {
        "command": "trap 'exit 8' TSTP; echo ready; while :; do sleep 1 & wait $!; done",
        "signal": "SIGTSTP",
        "ends": {"tini": 8, "dumb-init": None, "catatonit": None},
        "because": "tini passes TSTP on as it is; dumb-init makes SIGSTOP of it, catatonit drops it",
    },
    {
        "command": "trap : USR1; sh -c 'echo ready; sleep 600'; exit $?",
        "signal": "USR1",
        "ends": {"tini": None, "dumb-init": 138, "catatonit": None},
        "because": "USR1 goes to the whole session of the command under dumb-init alone",
    },
]
