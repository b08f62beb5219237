"""Where an image has s6-linux-init, the s6-rc lab boots through it.

The real one is in no package we reach. What stands at its path here does what its page says a container gets:
it copies the skeleton, writes bin/init and the scripts for signals. So our skeleton is run and the choice
tested; the real s6-linux-init is not.
"""

from __future__ import annotations

import pytest

from helpers.engines.base import Image
from helpers.filetree import FileTree
from helpers.inits.s6rc_manager import manager
from helpers.lab import Lab

pytestmark = pytest.mark.live
MAKER = r"""#!/bin/sh -e
echo "$*" >/run/asked
while getopts CBNq:p:c:f: option; do
    case $option in f) skel=$OPTARG ;; c) base=$OPTARG ;; p) path=$OPTARG ;; esac
done
shift $((OPTIND - 1))
[ "$1" = "$base" ] && [ ! -e "$1" ]
mkdir "$base" "$base/bin" "$base/scripts"
for name in rc.init runlevel rc.shutdown rc.shutdown.final; do cp -p "$skel/$name" "$base/scripts"; done
scan=/run/service/.s6-svscan
cat >"$base/bin/init" <<END
#!/bin/sh
export PATH=$path
mkdir -p $scan /run/service/s6-linux-init-shutdownd
printf '#!/bin/sh\n$base/scripts/rc.shutdown\n$base/scripts/rc.shutdown.final\n' >$scan/SIGTERM
printf 'echo "left up: \$(/etc/s6-rc/with s6-rc -a list | wc -l)"\n' >>$scan/SIGTERM
printf 'exec s6-svscanctl -t /run/service\n' >>$scan/SIGTERM
printf '#!/bin/sh\nexit 0\n' >$scan/finish
printf '#!/bin/sh\nexec sleep 100000\n' >/run/service/s6-linux-init-shutdownd/run
chmod +x $scan/* /run/service/s6-linux-init-shutdownd/run
$base/scripts/rc.init default &
exec s6-svscan /run/service
END
chmod +x "$base/bin/init"
"""


def test_an_image_with_s6_linux_init_boots_through_it_and_shuts_down(image: Image) -> None:
    """Made for a container, with our skeleton: all comes up by rc.init and goes down by rc.shutdown."""
    tree = FileTree()
    tree.script("/usr/bin/s6-linux-init-maker", MAKER)
    with Lab("web", "s6-rc", image=image, tree=tree) as lab:
        lab.ready()
        assert lab.http("nginx").status == 200
        asked = lab.sandbox.exec(["cat", "/run/asked"]).stdout.decode().split()
        assert asked[:5] == ["-C", "-B", "-N", "-q", "100"]
        found = manager(lab.sandbox)
        assert (found.real, found.linux_init) == (False, True)
        assert lab.sandbox.processes()[0].comm == "s6-svscan"
        assert [one.state for one in lab.status()] == ["up", "up", "up"]
        assert lab.stop().code == 0
        assert b"left up: 0\n" in lab.sandbox.logs()
