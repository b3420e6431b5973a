"""Stands before the compilers in the tests: objects of equal source and flags are compiled once.

``install`` puts a folder of commands named as the compilers at the front of PATH. Each runs this file, which takes the
compiler's arguments: a command that links from sources is split into one compilation per source and a link. An object
is known by the hash of compiler, flags and preprocessed source, and is copied from the folder of objects where it is
there; only what compiled without a word is kept. Everything else is left to the compiler.

Safe for processes that run at the same time: entries are written under a name of their own and then renamed. What a
command needs is imported at the top and starts in 10 ms; pathlib, subprocess and dataclasses would take 40.
"""

from __future__ import annotations

import os
import stat
import sys
from _blake2 import blake2b  # hashlib without OpenSSL

COMPILERS = ("cc", "gcc", "arm-none-eabi-gcc")
FOLDER = "TINYSEG_TEST_OBJECTS"  # environment variable: where the objects lie
MOST_BYTES = 1 << 30  # of all objects, when a run of the tests starts
_VALUED = {"-o", "-I", "-D", "-U", "-L", "-T", "-u", "-e", "-include", "-isystem", "-idirafter", "-Xlinker"}
_DEPENDENCIES = {"-MMD", "-MD", "-MP"}
_UNKNOWN = {"-E", "-S", "-x", "-M", "-MM", "-MF", "-MT", "-MQ", "-save-temps", "--param", "-specs", "-", "-l"}

Command = tuple[list[str], list[str], str, bool]  # options, inputs, output, whether it links


def parse(arguments: list[str]) -> Command | None:
    """Options but ``-c``, inputs, output, and whether it links; None where it is no command whose objects are kept."""
    options: list[str] = []
    inputs: list[str] = []
    output, links = "", True
    words = iter(arguments)
    for word in words:
        if word in _UNKNOWN or word.startswith("@"):
            return None
        if word == "-o":
            output = next(words, "")
        elif word == "-c":
            links = False
        elif word in _VALUED:
            options += [word, next(words, "")]
        elif word.startswith("-"):
            options.append(word)
        else:
            inputs.append(word)
    if not output or not any(path.endswith(".c") for path in inputs) or (len(inputs) > 1 and not links):
        return None
    return options, inputs, output, links


def compile_once(compiler: str, arguments: list[str], folder: str) -> int:
    """Does what the compiler does with the arguments; gives its exit status."""
    command = parse(arguments)
    if command is None:
        os.execv(compiler, [compiler, *arguments])
    options, inputs, output, links = command
    if not links:
        return _object(compiler, options, inputs[0], output, folder)
    libraries = [option for option in options if option[:2] == "-l"]
    options = [option for option in options if option[:2] != "-l"]
    linked = list(inputs)
    made = []
    try:
        for number, path in enumerate(inputs):
            if path.endswith(".c"):
                linked[number] = os.path.join(folder, f"{os.getpid()}-{number}.o")
                made.append(linked[number])
                status = _object(compiler, [o for o in options if o != "-shared"], path, linked[number], folder)
                if status != 0:
                    return status
        return _run([compiler, *options, *linked, *libraries, "-o", output])
    finally:
        for path in made:
            if os.path.exists(path):
                os.unlink(path)


def _object(compiler: str, options: list[str], source: str, output: str, folder: str) -> int:
    """Compiles one source, or copies its object and the list of its headers."""
    flags = [option for option in options if option not in _DEPENDENCIES]
    lists = len(flags) != len(options)
    words = [compiler, *options, "-c", source, "-o", output]
    status, text = _captured([compiler, *flags, "-E", "-fno-working-directory", source], stream=1)
    if status != 0:
        return _run(words)
    program = os.path.realpath(compiler)
    found = os.stat(program)
    identity = [program, found.st_size, found.st_mtime_ns, options, output if lists else ""]
    key = os.path.join(folder, blake2b(repr(identity).encode() + text, digest_size=32).hexdigest())
    kept = [(f"{key}.o", output)]
    if lists:
        kept.append((f"{key}.d", os.path.splitext(output)[0] + ".d"))
    try:
        for entry, file in reversed(kept):  # the object last: make compares their times
            _write(file, _read(entry))
            os.utime(entry)
    except FileNotFoundError:
        status, said = _captured(words, stream=2)
        os.write(2, said)
        if status == 0 and not said:
            for entry, file in kept:
                write_whole(entry, _read(file))
        return status
    return 0


def _run(words: list[str]) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(os.posix_spawn(words[0], words, os.environ), 0)[1])


def _captured(words: list[str], stream: int) -> tuple[int, bytes]:
    """Exit status, and what is written to stdout (1: stderr is thrown away) or stderr (2)."""
    read, write = os.pipe()
    actions: list[tuple[object, ...]] = [(os.POSIX_SPAWN_DUP2, write, stream), (os.POSIX_SPAWN_CLOSE, read)]
    if stream == 1:
        actions.append((os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0))
    process = os.posix_spawn(words[0], words, os.environ, file_actions=actions)
    os.close(write)
    with open(read, "rb") as pipe:
        said = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), said


def _read(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()


def _write(path: str, content: bytes) -> None:
    with open(path, "wb") as stream:
        stream.write(content)


def write_whole(path: str, content: bytes, mode: int = 0o600) -> None:
    """All of the content or nothing, whoever else writes the same."""
    temporary = f"{path}.{os.getpid()}"
    _write(temporary, content)
    os.chmod(temporary, mode)
    os.replace(temporary, path)


def install(folder: str) -> None:
    """Puts the commands before the compilers of this computer, for this process and those that it starts.

    Raises:
        PermissionError: the folder is another user's, or open to others.
    """
    import py_compile
    import shlex
    import shutil

    commands = os.path.join(folder, "commands")
    for path in (folder, commands):
        os.makedirs(path, mode=0o700, exist_ok=True)
        found = os.lstat(path)
        if found.st_uid != os.getuid() or found.st_mode != stat.S_IFDIR | 0o700:
            raise PermissionError(f"{path} is not a folder of mode 0700 of this user")
    before = os.path.join(os.environ.get(FOLDER, folder), "commands")  # of whom started this process
    searched = [entry for entry in os.environ["PATH"].split(os.pathsep) if entry not in (commands, before)]
    compiled = os.path.join(commands, "object_cache.pyc")
    py_compile.compile(os.path.abspath(__file__), compiled, doraise=True)  # renames what it has written, too
    for name in COMPILERS:
        compiler = shutil.which(name, path=os.pathsep.join(searched))
        command = os.path.join(commands, name)
        if compiler is not None:
            words = shlex.join([sys.executable, "-ISE", compiled, compiler])
            write_whole(command, f'#!/bin/sh\nexec {words} "$@"\n'.encode(), mode=0o700)
        elif os.path.exists(command):
            os.unlink(command)
    os.environ[FOLDER] = folder
    os.environ["PATH"] = os.pathsep.join([commands, *searched])


def prune(folder: str, most_bytes: int = MOST_BYTES) -> None:
    """Where the objects are too many, removes those not used for longest until half of ``most_bytes`` is left."""
    with os.scandir(folder) as entries:
        files = sorted((e.stat().st_mtime, e.stat().st_size, e.path) for e in entries if e.is_file())
    total = sum(size for _, size, _ in files)
    if total > most_bytes:
        for _, size, path in files:
            os.unlink(path)
            total -= size
            if total <= most_bytes // 2:
                break


if __name__ == "__main__":
    sys.exit(compile_once(sys.argv[1], sys.argv[2:], os.environ[FOLDER]))
