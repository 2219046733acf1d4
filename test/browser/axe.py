"""axe-core, the accessibility checker, from npm: one pinned version, checked by its hash, kept in the build folder."""
import base64
import hashlib
import os
import pathlib
import shutil
import subprocess
import tarfile

VERSION = "4.10.3"
SHA512 = "Xm7bpRXnDSX2YE2YFfBk2FnF0ep6tmG7xPh8iHee8MIcrgq762Nkce856dYtJYLkuIoYZvGfTs/PbZhideTcEg=="
ROOT = pathlib.Path(__file__).resolve().parents[2]


def script():
    """The text of axe.min.js, or None and a sentence why not."""
    kept = pathlib.Path(os.environ.get("SONGBOOKD_BUILD", ROOT / "build-test")).resolve() / ("axe-core-%s.tgz" % VERSION)
    if not kept.exists():
        if not shutil.which("npm"):
            return None, "npm is not installed"
        try:
            done = subprocess.run(["npm", "pack", "--silent", "axe-core@" + VERSION], cwd=kept.parent, capture_output=True, text=True, timeout=120)
        except subprocess.TimeoutExpired:
            return None, "npm did not answer within two minutes"
        if done.returncode or not kept.exists():
            return None, "npm could not fetch it: " + (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    if base64.b64encode(hashlib.sha512(kept.read_bytes()).digest()).decode() != SHA512:
        kept.unlink()
        return None, "what npm brought is not the pinned file"
    with tarfile.open(kept) as archive:
        return archive.extractfile("package/axe.min.js").read().decode(), None
