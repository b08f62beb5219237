# hint: same-kind
# Two signals, one decision: both are faults.
DIFFERENCES = [
    {
        "command": "trap 'exit 41' SEGV; echo ready; while :; do sleep 1 & wait $!; done",
        "signal": "SEGV",
        "ends": {"tini": None, "dumb-init": 41, "catatonit": None},
        "because": "tini and catatonit leave fault signals alone, dumb-init passes every signal on",
    },
    {
        "command": "trap 'exit 3' FPE; echo ready; while :; do sleep 1 & wait $!; done",
        "signal": "FPE",
        "ends": {"tini": None, "dumb-init": 3, "catatonit": None},
        "because": "dumb-init sends signals to the whole group of its command (README, Session behavior)",
    },
]
