# hint: other-end
# Thinks that all of them pass SEGV on, and only catatonit does not.
DIFFERENCES = [
    {
        "command": "trap 'exit 41' SEGV; echo ready; while :; do sleep 1 & wait $!; done",
        "signal": "SEGV",
        "ends": {"tini": 41, "dumb-init": 41, "catatonit": None},
        "because": "tini and catatonit leave fault signals alone, dumb-init passes every signal on",
    },
    {
        "command": "trap '' TERM; (trap 'exit 3' TERM; echo ready; while :; do sleep 1 & wait $!; done); exit $?",
        "signal": "TERM",
        "ends": {"tini": None, "dumb-init": 3, "catatonit": None},
        "because": "dumb-init sends signals to the whole group of its command (README, Session behavior)",
    },
]
