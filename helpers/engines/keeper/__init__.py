"""The keeper: one small process per owner. It starts sandboxes, and outlives a crash long enough to clean up.

It holds everything that must not outlive the owner: bwrap processes (killed with it by the kernel,
prctl(2) PR_SET_PDEATHSIG), tmpfs disks (in its own mount namespace, gone with it), cgroups and
folders (removed by it). It notices the owner's end by a pidfd, so SIGKILL counts too.

Runs on the standard library alone: nothing here may import a third-party package.
"""
