#!/usr/bin/env python3
"""The application a GridAPPS-D platform starts: hands what a simulation measures to `dec coordinate`, and its setpoints to the simulation.

FEEDER is the feeder's mRID, or the simulation request that names it (as Line_name), which is what the platform can hand over.
The feeder is read from the store that DB_URL names (default http://localhost:8889/bigdata/namespace/kb/sparql), or with --feeder from
anything `dec` reads. What follows -- are options of `dec coordinate`.

The platform's client reads GRIDAPPSD_USER, GRIDAPPSD_PASSWORD, GRIDAPPSD_ADDRESS and GRIDAPPSD_PORT (default localhost, 61613).

Ends with exit code 0 when the simulation has ended; with that of `dec coordinate` if that ends before; 2 wrong usage; 5 the message
broker is away for longer than --broker-patience; 130, 143 stopped by SIGINT, SIGTERM. Errors are told to the platform, too.
"""
import argparse
import json
import logging
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
BAD_INPUT, SYSTEM_FAILURE = 2, 5  # exit codes of `dec`

try:
    from gridappsd import GridAPPSD, json_extension, topics
    from stomp.exception import NotConnectedException, StompException
except ImportError as missing:
    # The platform's client has an environment of its own, which need not be activated.
    python = PROJECT / ".venv-platform" / "bin" / "python"
    if python.exists() and Path(sys.prefix) != PROJECT / ".venv-platform":
        os.execv(python, [str(python), *sys.argv])
    if not {"-h", "--help"} & set(sys.argv):  # which is told without the client
        print(f"error: {missing}; run scripts/setup_python --platform", file=sys.stderr)
        sys.exit(BAD_INPUT)
    GridAPPSD = object

BACKLOG = 100  # messages that may wait for `dec coordinate`; older ones are overtaken anyway
LOOK = 0.5  # s between looks at the connection
STOP_PATIENCE = 10.0  # s for the step that is being computed


class Failure(Exception):
    """What ends the application with one line."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class Stopped(Exception):
    """A signal came."""

    def __init__(self, number):
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.code = 128 + number


class Platform(GridAPPSD):
    """The platform's client, of which a connection that is lost stays lost: by itself it would come back at the next message sent, but
    without its subscriptions, and never hear anything again."""

    def _make_connection(self):
        if self._conn is not None and not self.connected:
            raise NotConnectedException("the connection is lost")
        super()._make_connection()

    @property
    def connected(self):
        # A message it cannot digest (nested too deeply) ends the thread that calls us, and with it all we would hear.
        return super().connected and self._router_callback._thread.is_alive()

    def connect(self):
        self._conn = None
        super().connect()
        if not self.connected:
            raise NotConnectedException("the broker does not accept the connection")


class Engine:
    """`dec coordinate` as a process. What it says comes as events: ("answer", line), ("said", line), and at last ("ended", None)."""

    def __init__(self, words, events):
        self.words = words
        self.events = events
        self.inbox = queue.Queue()
        self.process = None

    def start(self):
        environment = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_mpi_yield_when_idle": "1"}
        try:
            # In a session of its own, so that an interrupt at the terminal comes to us alone.
            self.process = subprocess.Popen(self.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                            text=True, errors="replace", env=environment, start_new_session=True)
        except OSError as error:
            raise Failure(SYSTEM_FAILURE, f"{self.words[0]} cannot be started: {error.strerror}") from error
        self.said = threading.Thread(target=self._hear_complaints, daemon=True)
        for thread in (self.said, *(threading.Thread(target=work, daemon=True) for work in (self._write, self._listen))):
            thread.start()

    def feed(self, line):
        """Never waits: a message that came while a step is computed is written afterwards. Returns how many had to be left out."""
        left_out = 0
        while self.inbox.qsize() >= BACKLOG:
            self.inbox.get_nowait()
            left_out += 1
        self.inbox.put(line)
        return left_out

    def stop(self):
        """At the end of its step, or not so gently when that takes too long."""
        if self.process is None:
            return
        self.inbox.put('{"command": "stop"}')
        self.inbox.put(None)
        gentle = signal.SIGUSR1 if self.words[0] == "mpirun" else signal.SIGTERM  # what mpirun hands on
        for number in (gentle, signal.SIGKILL):
            try:
                self.process.wait(STOP_PATIENCE)
                return
            except subprocess.TimeoutExpired:
                self.process.send_signal(number)
        self.process.wait()

    def _write(self):
        try:
            while (line := self.inbox.get()) is not None:
                self.process.stdin.write(line + "\n")
                self.process.stdin.flush()
            self.process.stdin.close()
        except (OSError, ValueError):
            pass  # it has ended, which _listen says

    def _listen(self):
        for line in self.process.stdout:
            self.events.put(("answer", line))
        self.said.join()
        self.events.put(("ended", None))

    def _hear_complaints(self):
        for line in self.process.stderr:
            self.events.put(("said", line.rstrip("\n")))


class Application:
    def __init__(self, simulation_id, words, patience):
        """`words`: of the command line of `dec coordinate`; `patience`: for the broker, s."""
        self.simulation_id = simulation_id
        self.patience = patience
        self.events = queue.Queue()
        self.setpoints = None  # newest that are not delivered
        self.errors = []  # of `dec coordinate`
        self.platform = None
        self.engine = Engine(words, self.events)

    def connect(self):
        """Connects and subscribes, as often as it takes; Failure when patience is at its end."""
        again, pause, deadline = self.platform is not None, 0.5, time.monotonic() + self.patience
        self.disconnect()
        self.platform = Platform(self.simulation_id, attempt_connection=False, stomp_log_level=logging.CRITICAL)
        while True:
            try:
                self.platform.connect()
                self.platform.subscribe(topics.simulation_output_topic(self.simulation_id), self.on_output)
                self.platform.subscribe(topics.simulation_log_topic(self.simulation_id), self.on_log)
                self.platform.subscribe(topics.simulation_input_topic(self.simulation_id), self.on_input)
                break
            except (StompException, OSError) as error:
                if time.monotonic() + pause > deadline:
                    where = f"{self.platform.stomp_address}:{self.platform.stomp_port}"
                    raise Failure(SYSTEM_FAILURE, f"the message broker at {where} has been away for {self.patience:g} s ({reason(error)}); see "
                                  "whether the platform runs, and GRIDAPPSD_ADDRESS, _PORT, _USER and _PASSWORD") from error
                say("warning", f"the message broker cannot be reached ({reason(error)}); trying again")
                time.sleep(pause)
                pause = min(2 * pause, 5.0)
                self.platform = Platform(self.simulation_id, attempt_connection=False, stomp_log_level=logging.CRITICAL)
        self.platform.set_application_status("RUNNING")
        if again:
            self.log(logging.WARNING, "the connection to the message broker was lost and is back; measurements may be missing")

    # Called by a thread of the client, which an exception would end silently.

    def on_output(self, headers, message):
        # A message that is no JSON comes as text; `dec coordinate` says what is wrong with it.
        line = message if isinstance(message, str) else json_extension.dumps(message)
        if left_out := self.engine.feed(" ".join(line.splitlines())):
            self.events.put(("said", f"warning: dec coordinate is behind: {left_out} messages are left out"))

    def on_log(self, headers, message):
        if isinstance(message, dict) and message.get("logMessage") == f"Simulation {self.simulation_id} complete":
            self.events.put(("over", "the simulation is complete"))

    def on_input(self, headers, message):
        if isinstance(message, dict) and message.get("command") == "stop":
            self.events.put(("over", "the simulation is stopped"))

    def run(self):
        """Until the simulation is over. Failure when `dec coordinate` ends before."""
        self.connect()
        self.engine.start()  # what has been measured meanwhile waits for it
        self.log(logging.INFO, f"coordinates simulation {self.simulation_id}: {' '.join(self.engine.words)}")
        while True:
            try:
                what, content = self.events.get(timeout=LOOK)
            except queue.Empty:
                what, content = None, None
            if not self.platform.connected:
                say("warning", "the connection to the message broker is lost")
                self.connect()
            if what == "answer":
                self.take(content)
            elif what == "said":
                self.hand_on(content)
            elif what == "over":
                self.log(logging.INFO, content)
                return
            elif what == "ended":
                code = self.engine.process.wait()
                told = "; ".join(self.errors) or "it gave no reason"
                raise Failure(code if code > 0 else SYSTEM_FAILURE, f"dec coordinate has ended with code {code}: {told}")
            self.deliver()

    def take(self, line):
        answer = json.loads(line)
        if "command" in answer:  # without one there are no setpoints, and a warning has said why
            self.setpoints = {"command": answer["command"], "input": answer["input"]}

    def deliver(self):
        """Setpoints that a lost connection swallowed are sent as soon as it is back, unless newer ones have come."""
        if self.setpoints is None:
            return
        try:
            self.platform.send(topics.simulation_input_topic(self.simulation_id), self.setpoints)
            self.setpoints = None
        except (StompException, OSError):
            pass  # the next look at the connection finds it lost

    def hand_on(self, line):
        """What `dec coordinate` says; warnings and errors are for the platform, too."""
        kind, _, text = line.partition(": ")
        if kind == "warning":
            self.log(logging.WARNING, text)
        elif kind == "error":
            self.errors.append(text)  # told with its end
        else:
            print(line, file=sys.stderr, flush=True)

    def log(self, level, text):
        say({logging.WARNING: "warning", logging.ERROR: "error"}.get(level, "info"), text)
        try:
            self.platform.get_logger().log(text, level)
        except (StompException, OSError):
            pass  # said above; the platform does not hear us

    def end(self, status, level=None, text=None):
        """Stops `dec coordinate` and takes leave of the platform."""
        self.engine.stop()
        self.platform.set_application_status(status)
        if text is not None:
            self.log(level, text)
        self.disconnect()

    def disconnect(self):
        try:
            if self.platform is not None:
                self.platform.disconnect()
        except (StompException, OSError):
            pass  # so it is


def say(kind, text):
    print(f"{kind}: {text}", file=sys.stderr, flush=True)


def reason(error):
    return str(error) or type(error).__name__


def feeder_mrid(text):
    """Of an mRID, or of a simulation request that names one feeder."""
    if not text.lstrip().startswith("{"):
        return text
    try:
        request = json.loads(text)
        systems = request.get("power_system_configs") or [request["power_system_config"]]
        (mrid,) = {system["Line_name"] for system in systems}
        return mrid
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure(BAD_INPUT, "the simulation request does not name one feeder as Line_name; hand over the feeder's mRID") from error


def prepare_environment():
    """What the client takes from the environment, in the form it needs."""
    config = json.loads((PROJECT / "scripts" / "gridappsd_app.config").read_text())
    os.environ.setdefault("GRIDAPPSD_APPLICATION_ID", config["id"])
    # The client strips "tcp://" and the port in one place and not in another.
    address = os.environ.get("GRIDAPPSD_ADDRESS", "").removeprefix("tcp://").rstrip("/")
    host, _, port = address.partition(":")
    if host:
        os.environ["GRIDAPPSD_ADDRESS"] = host
    if port:
        os.environ.setdefault("GRIDAPPSD_PORT", port)
    for name in ("GRIDAPPSD_USER", "GRIDAPPSD_PASSWORD"):
        if not os.environ.get(name):
            raise Failure(BAD_INPUT, f"{name} is not set; the message broker lets nobody in without")


def command_line(arguments, mrid):
    """Words that start `dec coordinate`."""
    dec = os.environ.get("DEC_EXECUTABLE") or str(PROJECT / "build" / "release" / "dec")
    if not Path(dec).exists():
        raise Failure(BAD_INPUT, f"{dec} is absent; run scripts/build release, or set DEC_EXECUTABLE")
    if arguments.ranks and not shutil.which("mpirun"):
        raise Failure(BAD_INPUT, "mpirun is absent, which --ranks needs; run scripts/install_packages")
    launcher = ["mpirun", "--oversubscribe", "-n", str(arguments.ranks)] if arguments.ranks else []
    store = os.environ.get("DB_URL", "http://localhost:8889/bigdata/namespace/kb/sparql")
    return [*launcher, dec, "coordinate", arguments.feeder or f"sparql+{store}?mrid={mrid}", *arguments.options]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mrid", metavar="FEEDER", help="mRID of the feeder, or a simulation request")
    parser.add_argument("simulation_id", metavar="SIMULATION_ID")
    parser.add_argument("--feeder", metavar="FILE", help="to read the feeder from, instead of the store")
    parser.add_argument("--ranks", type=int, default=0, metavar="P", help="run dec coordinate under mpirun (default: without)")
    parser.add_argument("--broker-patience", type=float, default=60.0, metavar="S", help="how long the broker may be away, s (60)")
    words = sys.argv[1:]
    split = words.index("--") if "--" in words else len(words)
    arguments = parser.parse_args(words[:split])
    arguments.options = words[split + 1 :]
    return arguments


def on_signal(number, frame):
    for other in (signal.SIGINT, signal.SIGTERM):
        signal.signal(other, signal.SIG_IGN)  # the end is on its way
    raise Stopped(number)


def main():
    logging.basicConfig(format="%(name)s: %(message)s", level=logging.CRITICAL)  # losses and errors are told by us, once
    arguments = parse_arguments()
    try:
        prepare_environment()
        words = command_line(arguments, feeder_mrid(arguments.mrid))
    except Failure as failure:
        say("error", str(failure))
        return failure.code
    application = Application(arguments.simulation_id, words, arguments.broker_patience)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    try:
        application.run()
        application.end("COMPLETE")
        return 0
    except Stopped as stopped:
        application.end("STOPPING", logging.WARNING, str(stopped))
        return stopped.code
    except Failure as failure:
        application.end("ERROR", logging.ERROR, str(failure))
        return failure.code


if __name__ == "__main__":
    sys.exit(main())
