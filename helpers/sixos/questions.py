"""What an analysis of SixOS has to answer: six questions, ten sentences, twenty features.

No answers are here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["CLASSES", "FEATURES", "QUESTIONS", "SENTENCES", "Question"]


@dataclass(frozen=True)
class Question:
    """A question, and the answers that are to be weighed: key → sentence."""

    asks: str
    answers: Mapping[str, str]


QUESTIONS: Mapping[str, Question] = {
    "without-systemd": Question(
        "What does “without systemd” mean: replaced, or wired in another way?",
        {
            "beneath": "systemd runs as a service under s6, for what still needs it.",
            "read": "Another PID 1 reads the unit files of the packages and does what they say.",
            "replaced": "Another supervisor, another manager of dependencies, and no unit file is read.",
            "parts": "systemd's PID 1 is gone; udev, logind and journald are used as they are.",
        },
    ),
    "infuse": Question(
        "How does infuse differ from the way NixOS modules override each other?",
        {
            "resolve": "infuse finds out the order of services, and puts them under the machine.",
            "merge": "Definitions of an option from several places are merged by the option's type.",
            "edit": "A step changes the value that the steps before it have given; their order decides.",
            "priority": "Every value has a priority, and the strongest definition wins.",
        },
    ),
    "modules": Question(
        "Does SixOS require rewriting existing NixOS modules?",
        {
            "as-is": "No: modules of NixOS can be imported as they are.",
            "translated": "No: a tool translates modules at build time.",
            "some": "Only those that name systemd.services; the others work.",
            "rewritten": "Yes: what a module did has to be said again, as a service and a target.",
        },
    ),
    "timers-sockets-logs": Question(
        "How are timers, socket activation and logging handled?",
        {
            "all": "All three, by programs of s6.",
            "logs": "Logging only.",
            "logs-and-timers": "Logging and timers.",
            "logs-and-sockets": "Logging and socket activation.",
        },
    ),
    "cgroups-users-slices": Question(
        "What about control groups, user units and system slices?",
        {
            "all": "All three, under other names.",
            "none": "None of them.",
            "users": "User units, by a second supervision tree for each user.",
            "groups": "Control groups and slices, because the supervisor needs them.",
        },
    ),
    "ownerboot": Question(
        "Where does ownerboot fit in the security model?",
        {
            "service": "It is a service, the first that s6-rc brings up.",
            "required": "It is a part of SixOS, which does not boot without it.",
            "below": "It is a project of its own below the system: firmware that starts its kernel.",
            "initrd": "It is another name for the initrd of SixOS.",
        },
    ),
}

CLASSES: Mapping[str, str] = {
    "preserved": "who knows it from NixOS finds it here, and it does the same",
    "breaks": "a NixOS machine that relies on it has to do without, or say it in another way",
    "new": "every SixOS has it, and NixOS does not give it to every service or system",
}

FEATURES: Mapping[str, Mapping[str, str]] = {
    "building": {
        "packages": "programs come from nixpkgs",
        "overlays": "packages are changed by overlays, `final: prev:`",
        "options": "a machine is described by options, such as services.NAME.enable",
        "closure": "a whole system is one derivation",
        "cycles": "a ring of service dependencies is an error of the build",
    },
    "running": {
        "units": "a package's or a module's unit files say how a service runs",
        "instances": "any service can be there twice, by calling it twice",
        "infusion": "a target that is there can be changed from outside, by its attributes",
        "sockets": "the manager holds a socket, and starts its service at the first connection",
        "timers": "a service is started by a timer unit",
    },
    "switching": {
        "generations": "each activated system is a generation of a Nix profile",
        "rollback": "an older system is activated by its own script",
        "dry-activate": "a script says what an activation would do, and does nothing",
        "rebuild": "nixos-rebuild builds, switches and rolls back",
        "fallbackboot": "a profile names a system that is known to have booted and worked",
    },
    "people and logs": {
        "journal": "logs are asked for with journalctl",
        "user-services": "a user has services of their own, systemctl --user",
        "slices": "a service's memory and processor time are limited by its slice",
        "sessions": "logind and PAM keep a session for who logs in",
        "system-links": "/run/current-system and /run/booted-system name what runs and what was booted",
    },
}

SENTENCES: Mapping[str, str] = {
    "january": "SixOS was made public in January 2025.",
    "variant": "SixOS is a variant of NixOS.",
    "infuse-activates": "infuse finds out what services depend on, and activates the system.",
    "atomic": "An activation is atomic.",
    "derivation": "Each service is a derivation.",
    "stages": "It boots in three stages: /run/s6/rc/init, then /run/s6-rc/compiled, then the services.",
    "strings": 'A service names what it depends on: dependencies = [ "network.target" ].',
    "rollback": "One goes back with nixos-rebuild switch --rollback.",
    "vm": "nix build .#nixosConfigurations.NAME.config.system.build.vm makes a virtual machine.",
    "nginx": "nginx and PostgreSQL are among its services.",
}
"""Told of SixOS, and not so."""
