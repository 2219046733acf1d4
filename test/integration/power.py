"""A power cut, replayed: what strace saw a process write and sync, and what a disk may hold of it at any moment.

The model is a hard one. What was not synced may be on the disk or not, write by write, in any order, cut at sectors of 512 bytes. A
new, renamed or removed name counts only when its folder was synced.
"""
import os
import re
import shutil

SECTOR = 512
SYSCALLS = "openat,creat,pwrite64,write,writev,sendto,sendmsg,ftruncate,fsync,fdatasync,unlink,unlinkat,rename,renameat,renameat2,link,linkat"
LINE = re.compile(rb"^(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)$")
STRING = re.compile(rb'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
END = re.compile(rb"^(.*)\)\s+= (-?\d+)(.*)$")
FD = re.compile(rb"^(\d+)<([^>]*)>")


def strace_command(trace):
    # -D: strace stands beside, so that signals reach the process itself
    return ["strace", "-D", "-f", "-qq", "-y", "-xx", "-s", "200000", "-o", str(trace), "-e", "trace=" + SYSCALLS]


def unhex(text):
    return bytes.fromhex(text.replace(b"\\x", b"").decode())


def path_of(text):
    """What -y shows in angle brackets, hexadecimal or not."""
    return os.fsdecode(unhex(text) if text.startswith(b"\\x") else text)


class Call:
    def __init__(self, name, args, result, start, end):
        self.name, self.args, self.result, self.start, self.end = name, args, result, start, end
        self.strings = []
        for m in STRING.finditer(args):
            assert not m.group(2), "strace cut a string: " + name
            self.strings.append(unhex(m.group(1)))
        fd = FD.match(args)
        self.path = path_of(fd.group(2)) if fd else None


def read_trace(path):
    """Calls that returned without an error, in the order of their end."""
    calls, open_calls = [], {}
    with open(path, "rb") as f:
        for at, line in enumerate(f):
            m = LINE.match(line.rstrip(b"\n"))
            if not m:
                continue
            pid, resumed, begun, rest = m.groups()
            start = at
            if resumed:
                name, before, start = open_calls.pop((pid, resumed), (resumed, b"", at))
                rest = before + rest
            else:
                name = begun
                if rest.endswith(b"<unfinished ...>"):
                    open_calls[pid, name] = (name, rest[:-len(b"<unfinished ...>")], at)
                    continue
            end = END.match(rest)
            if not end or int(end.group(2)) < 0:
                continue
            calls.append(Call(name.decode(), end.group(1).rstrip(), int(end.group(2)), start, at))
            if name == b"openat":
                opened = re.match(rb"<([^>]*)>", end.group(3))
                calls[-1].path = path_of(opened.group(1)) if opened else None
    return calls


class File:
    """What is synced, and what is not yet: (end, 'write', offset, bytes) and (end, 'truncate', size)."""

    def __init__(self):
        self.synced, self.waiting = bytearray(), []

    def sync(self, began):
        later = []
        for op in self.waiting:
            if op[0] < began:
                apply(self.synced, op)
            else:
                later.append(op)
        self.waiting = later

    def image(self, dice, share):
        """Synced content and that share of the rest."""
        data = bytearray(self.synced)
        for op in self.waiting:
            if op[1] == "truncate":
                if dice.random() < share:
                    apply(data, op)
                continue
            _, _, offset, text = op
            for at in range(0, len(text), SECTOR):
                if dice.random() < share:
                    apply(data, (0, "write", offset + at, text[at:at + SECTOR]))
        return bytes(data)


def apply(data, op):
    if op[1] == "truncate":
        del data[op[2]:]
        data.extend(b"\0" * (op[2] - len(data)))
        return
    _, _, offset, text = op
    if offset > len(data):
        data.extend(b"\0" * (offset - len(data)))
    data[offset:offset + len(text)] = text


class Disk:
    """Replays calls on the files below `root`."""

    def __init__(self, root, syncs=True):
        self.root, self.syncs = os.path.realpath(root), syncs
        self.now = {}         # name -> File, as the process sees it
        self.durable = {}     # name -> File, as the folder on the disk has it
        self.appended = {}    # name -> where write() stands
        self.n_syncs = self.n_writes = 0

    def _mine(self, path):
        return path is not None and (path == self.root or path.startswith(self.root + "/"))

    def replay(self, call):
        name, path = call.name, call.path
        if name in ("openat", "creat"):
            if self._mine(path) and b"O_CREAT" in call.args and path not in self.now:
                self.now[path] = File()
            if self._mine(path) and b"O_TRUNC" in call.args and path in self.now:
                self.now[path].waiting.append((call.end, "truncate", 0))
        elif name in ("pwrite64", "write") and path in self.now:
            text = call.strings[0][:call.result]
            if name == "pwrite64":
                offset = int(call.args.rsplit(b",", 1)[1])
            else:
                offset = self.appended.get(path, 0)
                self.appended[path] = offset + len(text)
            self.n_writes += 1
            self.now[path].waiting.append((call.end, "write", offset, text))
        elif name == "ftruncate" and path in self.now:
            self.now[path].waiting.append((call.end, "truncate", int(call.args.rsplit(b",", 1)[1])))
        elif name in ("fsync", "fdatasync") and self.syncs:
            if path in self.now:
                self.now[path].sync(call.start)
                self.n_syncs += 1
            elif self._mine(path):   # the folder: names count from now on
                folder = path + "/"
                for table in (self.durable,):
                    for key in [k for k in table if k.startswith(folder)]:
                        del table[key]
                self.durable.update({k: v for k, v in self.now.items() if k.startswith(folder)})
                self.n_syncs += 1
        elif name in ("unlink", "unlinkat"):
            self.now.pop(os.fsdecode(call.strings[-1]), None)
        elif name.startswith("rename"):
            old, new = map(os.fsdecode, call.strings[:2])
            if old in self.now:
                self.now[new] = self.now.pop(old)

    def write_image(self, folder, dice, share):
        """The files as they might be after the cut: unsynced writes and names survive with that chance."""
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        names = dict(self.durable)
        for path in set(self.durable) | set(self.now):
            if self.durable.get(path) is not self.now.get(path) and dice.random() < share:
                names.pop(path, None)
                if path in self.now:
                    names[path] = self.now[path]
        for path, file in names.items():
            if os.path.dirname(path) == self.root and not path.endswith("-shm"):
                with open(os.path.join(folder, os.path.basename(path)), "wb") as f:
                    f.write(file.image(dice, share))
