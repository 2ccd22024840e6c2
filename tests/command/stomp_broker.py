"""A message broker for tests: Debian's ActiveMQ with the accounts of a GridAPPS-D platform, on a free port, with its files in a folder of
the test; and what of the platform an application meets there."""
import json
import os
import queue
import socket
import subprocess
import sys
import time
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest

from command_line import SOURCE

HOME = Path("/usr/share/activemq")
USER, PASSWORD, TOKEN = "app_user", "1234App", "token-of-app_user"
SIMULATION = "725830594"
TOPIC = "/topic/goss.gridappsd.simulation"


def what_is_missing():
    """Of broker and client, with the remedy; None if nothing is. The client is in an environment of its own, which is taken in."""
    if not (HOME / "bin" / "activemq.jar").exists():
        return "there is no ActiveMQ; run scripts/install_packages --tests"
    packages = sorted((SOURCE / ".venv-platform" / "lib").glob("python3*/site-packages"))
    if not packages:
        return "there is no client of the platform; run scripts/setup_python --platform"
    if str(packages[0]) not in sys.path:
        sys.path.append(str(packages[0]))
    return None


def need_platform():
    """Skips, loudly, where there is no broker or no client."""
    if missing := what_is_missing():
        pytest.skip(f"SKIPPED: {missing}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def configuration(port):
    users = "".join(f"<authenticationUser username={quoteattr(name)} password={quoteattr(password)} groups='users'/>"
                    for name, password in ((USER, PASSWORD), ("system", "manager"), (TOKEN, "")))
    return f"""<beans xmlns="http://www.springframework.org/schema/beans" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xsi:schemaLocation="http://www.springframework.org/schema/beans http://www.springframework.org/schema/beans/spring-beans.xsd
  http://activemq.apache.org/schema/core http://activemq.apache.org/schema/core/activemq-core.xsd">
  <broker xmlns="http://activemq.apache.org/schema/core" brokerName="test" persistent="false" useJmx="false" schedulerSupport="false">
    <plugins><simpleAuthenticationPlugin><users>{users}</users></simpleAuthenticationPlugin></plugins>
    <transportConnectors><transportConnector name="stomp" uri="stomp://127.0.0.1:{port}"/></transportConnectors>
  </broker>
</beans>
"""


class Broker:
    """`with Broker(folder) as broker:`; `stop()` and `start()` in between make it go away and come back at the same address."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.port = free_port()
        (self.folder / "conf").mkdir(parents=True)
        (self.folder / "conf" / "activemq.xml").write_text(configuration(self.port))

    def start(self):
        conf, data = self.folder / "conf", self.folder / "data"
        self.output = open(self.folder / "broker.log", "a")
        self.process = subprocess.Popen(
            ["java", "-Xmx256M", f"-Dactivemq.home={HOME}", f"-Dactivemq.base={self.folder}", f"-Dactivemq.conf={conf}",
             f"-Dactivemq.data={data}", f"-Djava.io.tmpdir={self.folder}", "-jar", HOME / "bin" / "activemq.jar", "start",
             f"xbean:file:{conf / 'activemq.xml'}"], stdout=self.output, stderr=self.output, stdin=subprocess.DEVNULL)
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1.0).close()
                return
            except OSError:
                assert self.process.poll() is None, (self.folder / "broker.log").read_text()
                time.sleep(0.1)
        raise AssertionError(f"ActiveMQ does not listen: {(self.folder / 'broker.log').read_text()}")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.output.close()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exception):
        self.stop()

    @property
    def environment(self):
        """What the platform gives an application to find it."""
        return {"GRIDAPPSD_ADDRESS": f"tcp://127.0.0.1:{self.port}", "GRIDAPPSD_USER": USER, "GRIDAPPSD_PASSWORD": PASSWORD}


class PlatformSide:
    """The platform at its broker: hands out tokens, publishes a simulation's output, takes differences and logs. Speaks STOMP by
    itself, not through the platform's client, so that the application's use of that is seen from outside."""

    def __init__(self, broker):
        import stomp

        self.differences, self.logs, self.registrations = queue.Queue(), queue.Queue(), queue.Queue()
        self.heartbeats, self.receipts = queue.Queue(), queue.Queue()
        self.tokens = 0
        self.connection = stomp.Connection12([("127.0.0.1", broker.port)])
        self.connection.set_listener("platform", self)
        self.connection.connect("system", "manager", wait=True)
        destinations = (f"{TOPIC}.input.{SIMULATION}", f"{TOPIC}.log.{SIMULATION}", "/topic/pnnl.goss.token.topic",
                        "/queue/goss.gridappsd.process.request.app.remote.register")
        for number, destination in enumerate(destinations):
            self.connection.subscribe(destination, number, receipt=f"subscribed-{number}")
            self.receipts.get(timeout=30)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.connection.disconnect()

    # What stomp.py calls

    def on_message(self, frame):
        headers = frame.headers
        if headers["subscription"] == "0":
            self.differences.put(json.loads(frame.body))
        elif headers["subscription"] == "1":
            self.logs.put(json.loads(frame.body))
        elif headers["subscription"] == "2":
            self.tokens += 1
            self.connection.send(headers["reply-to"], TOKEN)
        elif headers["subscription"] == "3":
            self.registrations.put((headers, json.loads(frame.body)))
        else:
            self.heartbeats.put(frame.body)

    def on_receipt(self, frame):
        self.receipts.put(frame.headers["receipt-id"])

    # What tests do

    def publish(self, message):
        """As the simulation's output: a dictionary, or bytes as they are."""
        self.connection.send(f"{TOPIC}.output.{SIMULATION}", message if isinstance(message, bytes) else json.dumps(message))

    def command(self, message):
        """To the simulation, as its user would."""
        self.connection.send(f"{TOPIC}.input.{SIMULATION}", json.dumps(message))

    def log(self, text):
        self.connection.send(f"{TOPIC}.log.{SIMULATION}", json.dumps({"source": "simulation", "processId": SIMULATION, "logMessage": text,
                                                                      "logLevel": "INFO", "processStatus": "RUNNING"}))

    def hear_difference(self, timeout=120):
        return self.differences.get(timeout=timeout)

    def hear_log(self, text, timeout=120):
        """The first entry from now on with this text in it; those before are gone."""
        deadline, heard = time.monotonic() + timeout, []
        while True:
            try:
                entry = self.logs.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"nobody logs '{text}', but: {heard}") from None
            heard.append(entry["logMessage"])
            if text in entry["logMessage"]:
                return entry


class Running:
    """scripts/gridappsd_app.py as a process. Ended with the test, however that ends."""

    def __init__(self, broker, *words, environment=None):
        self.process = subprocess.Popen([SOURCE / "scripts" / "gridappsd_app.py", *map(str, words)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        env=os.environ | (broker.environment if broker else {}) | (environment or {}))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def end(self, timeout=120):
        """Its exit code and all it said."""
        said, _ = self.process.communicate(timeout=timeout)
        return self.process.returncode, said
