"""A bare Debian root, to run the steps of an image in where no engine is: debootstrap and chroot, as root.

python -m tests.containers.bare_root FOLDER    makes it, installs with containers/install.sh, and says what that took
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUITE = "trixie"
#: What the root borrows of the machine so that package managers find their servers, and kernel file systems.
BORROWED = ("/etc/resolv.conf", "/etc/ssl/certs", "/etc/pip.conf", "/root/.config/pip", "/dev", "/proc")
#: Environment that packages are fetched with.
KEPT = ("PIP_", "SSL_", "REQUESTS_", "http", "no_proxy", "HTTP", "NO_PROXY")


def why_not() -> str:
    """Say why no root can be made here, nothing where it can."""
    if os.geteuid() != 0:
        return "a bare root is made by root"
    lacking = [name for name in ("debootstrap", "chroot", "unshare", "mount") if shutil.which(name) is None]
    if lacking:
        return f"no {', '.join(lacking)}: apt-get install debootstrap"
    may_mount = subprocess.run(["unshare", "--mount", "--net", "true"], check=False, capture_output=True)
    return "" if may_mount.returncode == 0 else "root may not mount here (CAP_SYS_ADMIN)"


def remove(folder: Path) -> None:
    """Remove the root, unless something is mounted below it: what lies there is the machine's own."""
    mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    assert not [place for place in mounted if Path(place).is_relative_to(folder)], "mounts are left"
    shutil.rmtree(folder, ignore_errors=True)


def bootstrap(folder: Path) -> None:
    """Make a minimal Debian from where apt of this machine gets its packages."""
    asked = ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"]
    sites = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split()
    mirror = next((site for site in sites if site.rstrip("/").endswith("/debian")), "http://deb.debian.org/debian")
    call = ["debootstrap", "--variant=minbase", "--include=ca-certificates", SUITE, str(folder), mirror]
    subprocess.run(call, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def borrowed(folder: Path) -> Iterator[None]:
    """Lend the root what it lacks, and take it back."""
    mounted: list[Path] = []
    try:
        for name in BORROWED:
            source, target = Path(name), folder / name[1:]
            if not source.exists():
                continue
            if source.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.touch()
            subprocess.run(["mount", "--rbind", "--make-rslave", source.resolve(), target], check=True)
            mounted.append(target)
        yield
    finally:
        for target in reversed(mounted):
            subprocess.run(["umount", "--lazy", "--recursive", target], check=True)


def install(folder: Path, **options: str) -> dict[str, float]:
    """Copy the checkout and run the steps of the image; returns the seconds of each."""
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], check=True, capture_output=True).stdout
    shutil.rmtree(folder / "src", ignore_errors=True)
    (folder / "src").mkdir()
    copy = f"cd '{ROOT}' && tar --null -T - -cf - --ignore-failed-read | tar -xf - -C '{folder / 'src'}'"
    subprocess.run(["sh", "-c", copy], input=listed, check=True)
    environment = {name: value for name, value in os.environ.items() if name.startswith(KEPT)}
    environment |= {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"} | options
    took = {}
    with borrowed(folder):
        for step in ("system", "packages", "atlases", "clean"):
            began = time.monotonic()
            subprocess.run(["chroot", folder, "/src/containers/install.sh", step], check=True, env=environment)
            took[step] = time.monotonic() - began
    shutil.rmtree(folder / "src")
    return took


def run(folder: Path, *call: str, user: int = 1000) -> subprocess.CompletedProcess:
    """Run a program as the image does: no network, no root, a user that no list knows, no home."""
    environment = {"PATH": "/opt/chiomics/bin:/usr/bin:/bin", "XDG_CACHE_HOME": "/tmp/.cache", "PYTHONUTF8": "1"}
    environment |= {"CHIOMICS_ATLASES": "/opt/atlases", "PYTHONDONTWRITEBYTECODE": "1"}
    start = ["unshare", "--net", shutil.which("chroot") or "chroot", f"--userspec={user}:{user}", folder, *call]
    with borrowed(folder):
        return subprocess.run(start, env=environment, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    if reason := why_not():
        sys.exit(reason)
    root = Path(sys.argv[1])
    if not (root / "bin").exists():
        bootstrap(root)
    for step, seconds in install(root, TORCH="no").items():
        print(f"{step}: {seconds:.0f} s")
