#!/usr/bin/env python3
"""Writes a manual page or a completion file to stdout, from the tables in the source.

usage: pages.py SOURCE_ROOT KIND [TEMPLATE]
KIND: man (fills the @NAMES@ in TEMPLATE), bash, zsh, fish. The tables: src/config/options.c, src/daemon/args.c,
src/songbookctl.c and the options that each command's function reads. Runs at every build, also when cross compiling: it needs
none of our programs. test/layout compares it with what the programs say of themselves.
"""
import pathlib
import re
import sys
import textwrap

STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')


def joined(text):
    """The value of adjacent C string literals."""
    return "".join(STRING.findall(text)).replace('\\"', '"').replace("\\\\", "\\")


def fields(row):
    """The fields of one table row, parted at the commas outside of strings and brackets."""
    out, depth, quoted, at = [], 0, False, 0
    for i, c in enumerate(row):
        if c == '"' and row[i - 1] != "\\":
            quoted = not quoted
        elif not quoted and c in "({":
            depth += 1
        elif not quoted and c in ")}":
            depth -= 1
        elif not quoted and depth == 0 and c == ",":
            out.append(row[at:i].strip())
            at = i + 1
    return out + [row[at:].strip()]


class Option:
    """A row of src/config/options.c."""

    def __init__(self, row, numbers):
        name, env, kind, fallback, low, high, unit, flags, help_ = fields(row)
        self.name, self.env = joined(name), None if env == "NULL" else joined(env)
        self.kind = kind.replace("OPTION_", "").lower()
        self.fallback, self.unit = joined(fallback), None if unit == "NULL" else joined(unit)
        self.low, self.high = (numbers.get(x, x) for x in (low, high))
        self.flags = {f.strip().replace("OPTION_", "") for f in flags.replace("SECRET_LIVE", "SECRET | LIVE").split("|")}
        self.help = joined(help_)

    @property
    def section(self):
        return self.name.split(".")[0]

    @property
    def key(self):
        return self.name.split(".")[1]


class Command:
    """A row of the commands in src/songbookctl.c: name, args, help; options as (name, takes a value)."""

    def __init__(self, name, args, help_, options):
        self.name, self.args, self.help, self.options = name, args, help_, options

    def words(self):
        """Options and what the usage shows of choices such as export|import."""
        return [o for o, _ in self.options]


class Tables:
    def __init__(self, root):
        src = pathlib.Path(root) / "src"
        text = (src / "config/options.c").read_text()
        numbers = dict(re.findall(r"#define (\w+) (\d+)", text))
        table = text.split("options[OPT_COUNT] = {")[1]
        table = table[:table.index("\n};")]
        self.options = [Option(row, numbers) for row in re.findall(r"\[OPT_\w+\] = \{(.*?)\},?(?=\s*(?:\[OPT_|$))", table, re.S)]
        self.daemon = self.daemon_options((src / "daemon/args.c").read_text())
        self.commands = self.ctl_commands(src)

    @staticmethod
    def daemon_options(text):
        """(name, argument or None, help) as --help shows them."""
        known = {n: kind == "required_argument" for n, kind in re.findall(r'\{"([a-z-]+)", (\w+),', text)}
        usage = "".join(STRING.findall(text[text.index('"usage: songbookd'):text.index('"Options for the file')])).replace("\\n", "\n")
        rows = []
        for line in usage.split("\n"):
            m = re.match(r"  (?:-\w, )?--([a-z-]+) ?(\S+)?\s+(.*)", line)
            if m:
                rows.append([m[1], m[2] if known[m[1]] else None, m[3] if known[m[1]] or not m[2] else (m[2] + " " + m[3])])
            elif rows and line.startswith("   "):
                rows[-1][2] += " " + line.strip()
            elif not line.strip() and rows:
                break
        assert {r[0] for r in rows} == set(known), "args.c: --help and the table of options differ"
        return rows

    @staticmethod
    def ctl_commands(src):
        functions = {}
        for path in sorted((src / "ctl").glob("*.c")):
            for name, body in re.findall(r"^int (cmd_\w+)\([^\n]*\n\{(.*?)^\}", path.read_text(), re.S | re.M):
                functions[name] = [(o, value != "NULL") for o, _, value in
                                   re.findall(r'\{"(--[a-z-]+)",\s*(&[\w.>-]+|NULL),\s*(&[\w.>-]+|NULL)\}', body)]
        text = (src / "songbookctl.c").read_text()
        table = text[text.index("commands[] = {"):]
        rows = re.findall(r'\{"([a-z-]+)",\s*("(?:[^"\\]|\\.)*"(?:\s*"(?:[^"\\]|\\.)*")*),\s*((?:"(?:[^"\\]|\\.)*"\s*)+),\s*(\w+)\}',
                          table[:table.index("\n};")], re.S)
        return [Command(n, joined(a), joined(h), functions.get(f, [])) for n, a, h, f in rows]


# --- manual pages -------------------------------------------------------------------------------

def escape(text):
    """Plain text as roff: no line may begin with a control character, no word may be taken for a macro."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in ".'" else text


def sentence(text):
    words = text[0].upper() + text[1:] + "."
    return "\n".join(escape(line) for line in textwrap.wrap(words, 76, break_long_words=False, break_on_hyphens=False))


def man_options(tables):
    """Every key of the file, by section."""
    lines, section = [], None
    for o in tables.options:
        if o.section != section:
            if section:
                lines.append(".El")
            section = o.section
            lines += [".Ss [%s]" % section, ".Bl -tag -width Ds"]
        lines += ['.It Cm %s No = Ar %s' % (o.key, o.kind), sentence(o.help)]
        if o.kind == "number":
            lines.append(escape("From %s to %s%s." % (o.low, o.high, " " + o.unit if o.unit else "")))
        if o.fallback:
            lines.append("The default is\n.Ql %s ." % escape(o.fallback))
        notes = [word for flag, word in (("REPEAT", "may repeat"), ("LIVE", "live"), ("SECRET", "secret")) if flag in o.flags]
        if notes:
            lines.append(escape("(%s)" % ", ".join(notes)))
        if o.env:
            lines.append("Also from the environment variable\n.Ev %s ." % o.env)
    return lines + [".El"]


def man_daemon(tables):
    lines = [".Bl -tag -width Ds"]
    for name, value, help_ in tables.daemon:
        lines += [".It Fl \\-%s%s" % (escape(name), " Ar " + escape(value) if value else ""), sentence(help_)]
    return lines + [".El"]


def man_commands(tables):
    lines = [".Bl -tag -width Ds"]
    for c in tables.commands:
        lines += [".It Cm %s%s" % (c.name, " Ar " + escape(c.args) if c.args else ""), sentence(c.help)]
        if c.options:
            lines.append("Options:")
            for i, (o, value) in enumerate(c.options):
                lines.append(".Fl \\-%s%s %s" % (escape(o[2:]), " Ar VALUE" if value else "", "." if i + 1 == len(c.options) else ","))
    return lines + [".El"]


def man(tables, template):
    text = pathlib.Path(template).read_text()
    for mark, make in (("@OPTIONS@", man_options), ("@DAEMON_OPTIONS@", man_daemon), ("@COMMANDS@", man_commands)):
        if mark in text:
            text = text.replace(mark, "\n".join(make(tables)))
    return text


# --- completion -----------------------------------------------------------------------------------

GLOBAL = [("--socket", True), ("--url", True), ("--token-file", True), ("--json", False), ("--help", False), ("--version", False)]
STATUSES = "pending parsed enriched manual enrichment_failed"


def choices(command, option, tables):
    """Words that may follow an option, or None for anything."""
    if option == "--status":
        return STATUSES
    if option == "--test":
        return " ".join(s for s in dict.fromkeys(o.section for o in tables.options if o.key == "url") if s != "pikaraoke")
    if option == "--unset":
        return " ".join(o.name for o in tables.options if "LIVE" in o.flags)
    return None


def words_of(command, tables):
    """Words a command takes beside its options: those its usage spells in small letters, or settings."""
    if command.name == "settings":
        return " ".join(o.name + "=" for o in tables.options if "LIVE" in o.flags)
    first = re.match(r"([a-z]+(?:\|[a-z]+)+)\b", command.args)
    return first[1].replace("|", " ") if first else ""


def bash(tables):
    cases, values = [], []
    for c in tables.commands:
        words = " ".join([*c.words(), words_of(c, tables)]).strip()
        cases.append('        %s) words="%s" ;;' % (c.name, words))
        for o, value in c.options:
            if value and choices(c, o, tables):
                values.append('        %s) words="%s"; COMPREPLY=($(compgen -W "$words" -- "$cur")); return ;;' % (o, choices(c, o, tables)))
    valued = sorted({o for c in tables.commands for o, v in c.options if v} | {o for o, v in GLOBAL if v})
    daemon = " ".join("--" + n for n, _, _ in tables.daemon)
    return """# Completion of songbookctl and songbookd for bash. Written at the build from the tables in the source.
_songbookctl()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command= words= i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --socket | --url | --token-file) i=$((i + 1)) ;;
        -*) ;;
        *) command=${COMP_WORDS[i]}; break ;;
        esac
    done
    case $prev in
%s
        --socket | --token-file) COMPREPLY=($(compgen -f -- "$cur")); return ;;
        %s) return ;;
    esac
    case $command in
        "") words="%s" ;;
%s
    esac
    COMPREPLY=($(compgen -W "$words %s" -- "$cur"))
    if [ "$command" = parse ] && [ ${#COMPREPLY[@]} -eq 0 ]; then
        COMPREPLY=($(compgen -f -- "$cur"))
    fi
    case ${COMPREPLY[0]-} in *=) compopt -o nospace 2>/dev/null ;; esac
}
_songbookd()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    case $prev in
        --set) COMPREPLY=($(compgen -W "%s" -- "$cur")); compopt -o nospace 2>/dev/null; return ;;
        --config | --database | --socket | --pikaraoke-db | --events) COMPREPLY=($(compgen -f -- "$cur")); return ;;
        --listen | --wait) COMPREPLY=(); return ;;
    esac
    case $cur in
        -*) COMPREPLY=($(compgen -W "%s" -- "$cur")) ;;
        *) COMPREPLY=($(compgen -d -- "$cur")) ;;
    esac
}
complete -F _songbookctl songbookctl
complete -F _songbookd songbookd
""" % ("\n".join(dict.fromkeys(values)), " | ".join(o for o in valued if o not in ("--socket", "--token-file") and not any(v.strip().startswith(o + ")") for v in values)),
       " ".join(c.name for c in tables.commands), "\n".join(cases), " ".join(o for o, _ in GLOBAL),
       " ".join(o.name + "=" for o in tables.options if "SECRET" not in o.flags), daemon)


def zsh_text(text):
    return text.replace("'", "'\\''").replace(":", "\\:").replace("[", "\\[").replace("]", "\\]")


def zsh(tables):
    commands = "\n".join("        '%s:%s'" % (c.name, zsh_text(c.help)) for c in tables.commands)
    cases = []
    for c in tables.commands:
        args = ["'%s%s'" % (o, "[value]:value:%s" % ("(%s)" % choices(c, o, tables) if choices(c, o, tables) else "") if v else "[option]")
                for o, v in c.options]
        words = words_of(c, tables)
        args.append("'*:argument:(%s)'" % words if words else "'*:argument:%s'" % ("_files" if c.name == "parse" else ""))
        cases.append("            %s) _arguments %s ;;" % (c.name, " ".join(args)))
    daemon = " \\\n        ".join("'%s--%s[%s]%s'" % ("*" if "repeat" in h else "", n, zsh_text(h),
                                 ":%s:%s" % (zsh_text(v), "_files" if "FILE" in v or "PATH" in v else "") if v else "")
                                 for n, v, h in tables.daemon)
    return """#compdef songbookctl songbookd
# Completion of songbookctl and songbookd for zsh. Written at the build from the tables in the source.
_songbookctl() {
    local -a commands
    local state line
    commands=(
%s
    )
    _arguments -C '--socket[Unix socket of the daemon]:path:_files' '--url[address of the daemon]:url:' \\
        '--token-file[file with the token]:path:_files' '--json[JSON instead of text]' \\
        '--help[usage]' '--version[the version]' '1:command:->command' '*::argument:->arguments'
    case $state in
    command) _describe command commands ;;
    arguments)
        case $line[1] in
%s
        esac ;;
    esac
}
_songbookd() {
    _arguments \\
        %s \\
        '*:folder:_files -/'
}
case $service in
    songbookd) _songbookd "$@" ;;
    *) _songbookctl "$@" ;;
esac
""" % (commands, "\n".join(cases), daemon)


def fish_text(text):
    return text.replace("\\", "\\\\").replace("'", "\\'")


def fish(tables):
    lines = ["# Completion of songbookctl and songbookd for fish. Written at the build from the tables in the source.",
             "complete -c songbookctl -f"]
    lines += ["complete -c songbookctl -l %s %s" % (o[2:], "-r" if v else "") for o, v in GLOBAL]
    for c in tables.commands:
        lines.append("complete -c songbookctl -n __fish_use_subcommand -a %s -d '%s'" % (c.name, fish_text(c.help)))
        seen = "complete -c songbookctl -n '__fish_seen_subcommand_from %s'" % c.name
        for o, v in c.options:
            some = choices(c, o, tables)
            lines.append("%s -l %s%s" % (seen, o[2:], (" -x -a '%s'" % some if some else " -x") if v else ""))
        if words_of(c, tables):
            lines.append("%s -a '%s'" % (seen, words_of(c, tables)))
        if c.name == "parse":
            lines.append(seen + " -F")
    for n, v, h in tables.daemon:
        lines.append("complete -c songbookd -l %s%s -d '%s'" % (n, " -r" if v else "", fish_text(h)))
    return "\n".join(line.rstrip() for line in lines) + "\n"


def main():
    root, kind = sys.argv[1:3]
    tables = Tables(root)
    if kind == "man":
        sys.stdout.write(man(tables, sys.argv[3]))
    else:
        sys.stdout.write({"bash": bash, "zsh": zsh, "fish": fish}[kind](tables))


if __name__ == "__main__":
    main()
