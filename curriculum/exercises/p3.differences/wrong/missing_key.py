# hint: lacks-key
# Predicts under another key.
DIFFERENCES = [
    {
        "command": "trap 'exit 41' SEGV; echo ready; while :; do sleep 1 & wait $!; done",
        "signal": "SEGV",
        "codes": {"tini": None, "dumb-init": 41, "catatonit": None},
        "because": "tini and catatonit leave fault signals alone, dumb-init passes every signal on",
    },
    {
        "command": "trap '' TERM; (trap 'exit 3' TERM; echo ready; while :; do sleep 1 & wait $!; done); exit $?",
        "signal": "TERM",
        "ends": {"tini": None, "dumb-init": 3, "catatonit": None},
        "because": "dumb-init sends signals to the whole group of its command (README, Session behavior)",
    },
]
