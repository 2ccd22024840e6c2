"""scripts/gridappsd_app.py at a real STOMP broker, where the test plays the platform and its simulator."""
import array
import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import pytest

from command_line import DEMONSTRATION, EXECUTABLE, SOURCE, sunny_ieee8500
from stomp_broker import SIMULATION, Broker, PlatformSide, Running, need_platform

sys.path.insert(0, str(SOURCE / "benchmarks"))
from simulated_platform import Simulation  # noqa: E402

VMAX = 1.05
SLACK = 2e-5  # the correction's own tolerance is 1e-5 pu; measurements and setpoints are rounded on the way
START = 1655321830
MRID = "9285ee51-6c4f-5a56-acd5-85f1eea6a479"


@pytest.fixture(scope="module", autouse=True)
def platform_is_there():
    need_platform()


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with Broker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """The demonstration feeder under full sun, before anybody coordinates it."""
    simulation = Simulation(DEMONSTRATION, tmp_path_factory.mktemp("first"), simulation_id=SIMULATION)
    highest, _ = simulation.run(1.0)
    assert highest > VMAX + 0.005
    return simulation, simulation.output(START)


def application(broker, simulation, *words, environment=None):
    return Running(broker, MRID, SIMULATION, "--feeder", simulation.base, *words, environment=environment)


def at(message, time):
    return {**message, "message": {**message["message"], "timestamp": time}}


def values(difference):
    return {d["object"]: d["value"] for d in difference["input"]["message"]["forward_differences"]}


def engines_of(process):
    """Process numbers of the `dec` that this process, or an mpirun of it, has started."""
    found = []
    for number in children(process.pid):
        words = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
        found += [number] if words[0].decode() == EXECUTABLE else children(number)
    return found


def children(number):
    listed = (Path(f"/proc/{number}/task") / str(number) / "children").read_text()
    return [int(word) for word in listed.split()]


def is_running(number):
    try:
        return Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("ranks", [0, 2])
def test_voltages_come_inside_their_limits_over_the_broker(broker, tmp_path, ranks):
    simulation = Simulation(DEMONSTRATION, tmp_path, simulation_id=SIMULATION)
    with PlatformSide(broker) as platform, application(broker, simulation, "--ranks", ranks, "--", "--policy", "quadratic") as app:
        platform.hear_log("coordinates simulation")
        for step, sun in enumerate((1.0, 0.8, 0.3, 1.0)):
            simulation.run(sun)
            platform.publish(simulation.output(START + 3 * step))
            difference = platform.hear_difference()
            assert set(difference) == {"command", "input"}
            assert difference["input"]["message"]["timestamp"] == START + 3 * step
            simulation.obey(difference)
            highest, _ = simulation.run(sun)
            assert highest <= VMAX + SLACK, step
        engines = engines_of(app.process)
        assert len(engines) == max(1, ranks)
        platform.log(f"Simulation {SIMULATION} complete")
        assert platform.hear_log("the simulation is complete")["source"] == "dec"
        code, said = app.end()
        assert code == 0, said
        assert not any(map(is_running, engines))
        assert platform.tokens == 1  # it came in by the platform's handshake
        assert platform.differences.empty()


def test_it_stops_when_the_simulation_is_told_to(broker, first):
    simulation, message = first
    with PlatformSide(broker) as platform, application(broker, simulation) as app:
        platform.hear_log("coordinates simulation")
        platform.command({"command": "pause"})
        platform.publish(message)
        assert platform.hear_difference() == {"command": "pause"}
        assert values(platform.hear_difference())
        platform.command({"command": "stop"})
        code, said = app.end()
        assert code == 0, said
        platform.hear_log("the simulation is stopped")


def test_broken_messages_are_warnings_to_the_platform_and_the_run_goes_on(broker, first):
    simulation, message = first
    with PlatformSide(broker) as platform, application(broker, simulation) as app:
        platform.hear_log("coordinates simulation")
        platform.publish(message)
        usual = values(platform.hear_difference())
        platform.publish(json.dumps(message)[:1000].encode())
        assert platform.hear_log("is no JSON")["logLevel"] == "WARN"
        for broken in (b"two\nlines", b"\xff\xfe\x00", b"[1, 2]", b'"text"', b"", b'{"message": {}}'):
            platform.publish(broken)
        platform.publish(at(message, START + 3))
        assert values(platform.hear_difference()) == pytest.approx(usual, abs=1.0)
        platform.log(f"Simulation {SIMULATION} complete")
        code, said = app.end()
        assert code == 0, said


def test_a_message_that_the_client_cannot_digest_costs_a_connection_and_not_the_run(broker, first):
    simulation, message = first
    with PlatformSide(broker) as platform, application(broker, simulation) as app:
        platform.hear_log("coordinates simulation")
        platform.publish(b"[" * 100_000)
        platform.hear_log("is back")
        platform.publish(message)
        assert values(platform.hear_difference())
        platform.command({"command": "stop"})
        code, said = app.end()
        assert code == 0, said


def test_a_broker_that_goes_away_and_comes_back_is_found_again(tmp_path, first):
    simulation, message = first
    with Broker(tmp_path / "own") as broker, application(broker, simulation, "--broker-patience", 300) as app:
        with PlatformSide(broker) as platform:
            platform.hear_log("coordinates simulation")
            platform.publish(message)
            usual = values(platform.hear_difference())
        (engine,) = engines_of(app.process)
        broker.stop()
        time.sleep(2.0)  # the application looks twice a second, and must have seen it
        broker.start()
        with PlatformSide(broker) as platform:
            platform.hear_log("was lost and is back")
            assert engines_of(app.process) == [engine]  # with all it knows
            platform.publish(at(message, START + 3))
            again = platform.hear_difference()
            assert again["input"]["message"]["timestamp"] == START + 3
            assert values(again) == pytest.approx(usual, abs=1.0)
            platform.command({"command": "stop"})
            code, said = app.end()
            assert code == 0, said
            assert "the connection to the message broker is lost" in said


def test_setpoints_that_the_broker_misses_are_delivered_when_it_is_back(tmp_path, first):
    simulation, message = first
    with Broker(tmp_path / "own") as broker, application(broker, simulation, "--broker-patience", 300) as app:
        with PlatformSide(broker) as platform:
            platform.hear_log("coordinates simulation")
            (engine,) = engines_of(app.process)
            platform.publish(message)
            usual = values(platform.hear_difference())
            os.kill(engine, signal.SIGSTOP)
            platform.publish(at(message, START + 3))
            wait_until_fed(engine)
        broker.stop()
        app.process.send_signal(signal.SIGSTOP)  # until somebody listens again
        os.kill(engine, signal.SIGCONT)
        broker.start()
        with PlatformSide(broker) as platform:
            app.process.send_signal(signal.SIGCONT)
            missed = platform.hear_difference()
            assert missed["input"]["message"]["timestamp"] == START + 3
            assert values(missed) == pytest.approx(usual, abs=1.0)
            platform.command({"command": "stop"})
            assert app.end()[0] == 0


def wait_until_fed(engine):
    """Until bytes wait in the pipe that is its standard input."""
    descriptor, waiting = os.open(f"/proc/{engine}/fd/0", os.O_RDONLY | os.O_NONBLOCK), array.array("i", [0])
    try:
        deadline = time.monotonic() + 60.0
        while waiting[0] == 0:
            assert time.monotonic() < deadline, "the application has not fed dec coordinate"
            time.sleep(0.05)
            fcntl.ioctl(descriptor, termios.FIONREAD, waiting)
    finally:
        os.close(descriptor)


def test_a_broker_that_stays_away_is_an_error(tmp_path, first):
    simulation, message = first
    with Broker(tmp_path / "own") as broker, application(broker, simulation, "--broker-patience", 2) as app:
        with PlatformSide(broker) as platform:
            platform.hear_log("coordinates simulation")
        (engine,) = engines_of(app.process)
        broker.stop()
        code, said = app.end()
        assert code == 5
        (error,) = (line for line in said.splitlines() if line.startswith("error: "))
        assert f"the message broker at 127.0.0.1:{broker.port} has been away for 2 s" in error
        assert "Traceback" not in said
        assert not is_running(engine)
        broker.start()  # for its end


def test_a_broker_that_is_late_is_waited_for(tmp_path, first):
    simulation, message = first
    broker = Broker(tmp_path / "own")
    with application(broker, simulation, "--broker-patience", 300) as app:
        assert "cannot be reached" in app.process.stdout.readline()
        with broker, PlatformSide(broker) as platform:
            platform.hear_log("coordinates simulation")
            platform.publish(message)
            assert values(platform.hear_difference())
            platform.command({"command": "stop"})
            assert app.end()[0] == 0


def test_the_death_of_dec_is_told_to_the_platform(broker, first):
    simulation, message = first
    with PlatformSide(broker) as platform, application(broker, simulation) as app:
        platform.hear_log("coordinates simulation")
        platform.publish(message)
        platform.hear_difference()
        (engine,) = engines_of(app.process)
        os.kill(engine, signal.SIGKILL)
        entry = platform.hear_log("dec coordinate has ended with code -9")
        assert (entry["logLevel"], entry["processStatus"], entry["processId"]) == ("ERROR", "ERROR", SIMULATION)
        assert app.end()[0] == 5


def test_a_feeder_that_is_not_there_is_told_to_the_platform(broker, tmp_path):
    with PlatformSide(broker) as platform, Running(broker, MRID, SIMULATION, "--feeder", tmp_path / "none.xml") as app:
        entry = platform.hear_log("dec coordinate has ended with code 2")
        assert entry["logLevel"] == "ERROR" and "none.xml" in entry["logMessage"]
        assert app.end()[0] == 2


@pytest.mark.parametrize("number, ranks", [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGTERM, 2)])
def test_a_signal_ends_it_and_dec(broker, first, number, ranks):
    simulation, message = first
    with PlatformSide(broker) as platform, application(broker, simulation, "--ranks", ranks) as app:
        platform.hear_log("coordinates simulation")
        platform.publish(message)
        platform.hear_difference()
        engines = engines_of(app.process)
        app.process.send_signal(number)
        platform.hear_log(f"stopped by {number.name}")
        assert app.end()[0] == 128 + number
        assert engines and not any(map(is_running, engines))


REGISTRAR = """
import json, sys, time
from gridappsd import ApplicationController, GridAPPSD
registrar = ApplicationController(json.loads(sys.argv[1]), gridappsd=GridAPPSD())
registrar.register_app(lambda: None)
while registrar.heartbeat_valid:
    time.sleep(1.0)
"""


def test_the_platform_registers_it_by_its_configuration_file_and_starts_it(broker):
    """By the platform's own registrar; the feeder comes from the store, which is down."""
    config = json.loads((SOURCE / "scripts" / "gridappsd_app.config").read_text())
    environment = os.environ | broker.environment | {
        "GRIDAPPSD_ADDRESS": "127.0.0.1", "GRIDAPPSD_PORT": str(broker.port), "GRIDAPPSD_APPLICATION_ID": config["id"],
        "DB_URL": "http://127.0.0.1:1/sparql"}
    request = json.dumps({"power_system_configs": [{"Line_name": MRID}], "simulation_config": {"simulation_name": "ieee123"}})
    with PlatformSide(broker) as platform:
        registrar = subprocess.Popen([SOURCE / ".venv-platform" / "bin" / "python", "-c", REGISTRAR, json.dumps(config)], env=environment)
        try:
            headers, sent = platform.registrations.get(timeout=60)
            assert sent == config
            control = "/topic/goss.gridappsd.remoteapp"
            platform.connection.subscribe("/queue/goss.gridappsd.heartbeat.dec", 9)
            platform.connection.send(headers["reply-to"], json.dumps({
                "applicationId": config["id"], "heartbeatTopic": "/queue/goss.gridappsd.heartbeat.dec", "heartbeatPeriod": 10,
                "startControlTopic": f"{control}.start.dec", "stopControlTopic": f"{control}.stop.dec"}))
            platform.heartbeats.get(timeout=60)

            # As the platform fills in the options; the script is here and not where it is deployed.
            options = [word.replace("(request)", request).replace("(simulationId)", SIMULATION) for word in config["options"]]
            script = SOURCE / "scripts" / Path(config["execution_path"]).name
            platform.connection.send(f"{control}.start.dec", json.dumps({"command": " ".join([str(script), *options])}))

            assert f"sparql+http://127.0.0.1:1/sparql?mrid={MRID}" in platform.hear_log("coordinates simulation")["logMessage"]
            entry = platform.hear_log("dec coordinate has ended with code 5")
            assert entry["source"] == config["id"] and "127.0.0.1:1" in entry["logMessage"]
        finally:
            registrar.kill()
            registrar.wait()


# ---- the whole way: uploaded to a store, solved by mRID, coordinated over the broker


def closed_loop(feeder, folder, *options):
    """Twenty steps of benchmarks/closed_loop; its report."""
    done = subprocess.run([SOURCE / "benchmarks" / "closed_loop", feeder, "--platform", "--steps", "20", *options], cwd=folder,
                          capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "closed_loop.json").read_text())


def check_steps(report):
    steps = report["steps"]
    assert report["platform"] and len(steps) == 20
    assert steps[0]["v_max_before"] > VMAX + 0.005
    assert all(step["v_max_after"] <= VMAX + SLACK for step in steps)
    assert all(step["seconds"] > 0.0 for step in steps)
    assert steps[0]["exported_kw"] < 0.99 * steps[0]["available_kw"]
    assert any(step["exported_kw"] > 0.99999 * step["available_kw"] for step in steps)  # under little sun nobody is held back


@pytest.mark.parametrize("ranks", [0, 2])
def test_a_feeder_is_uploaded_and_kept_inside_its_limits_as_the_sun_changes(tmp_path, ranks):
    check_steps(closed_loop(DEMONSTRATION, tmp_path, "--ranks", str(ranks)))


def test_a_populated_public_feeder_is_uploaded_and_kept_inside_its_limits(tmp_path):
    check_steps(closed_loop(sunny_ieee8500(tmp_path), tmp_path, "--source-voltage", "0.98", "--ranks", "2"))


# ---- wrong usage


@pytest.mark.parametrize("words, environment, text", [
    ([MRID, SIMULATION], {"GRIDAPPSD_USER": ""}, "GRIDAPPSD_USER is not set"),
    (['{"power_system_configs": []}', SIMULATION], {}, "does not name one feeder"),
    (['{"power_system_configs": [{"Line_name": "a"}, {"Line_name": "b"}]}', SIMULATION], {}, "does not name one feeder"),
    (["{no JSON", SIMULATION], {}, "does not name one feeder"),
    ([MRID], {}, "SIMULATION_ID"),
    ([MRID, SIMULATION], {"DEC_EXECUTABLE": "/nowhere/dec"}, "/nowhere/dec is absent"),
])
def test_wrong_usage_is_one_error(words, environment, text):
    credentials = {"GRIDAPPSD_USER": "someone", "GRIDAPPSD_PASSWORD": "something", "GRIDAPPSD_ADDRESS": "127.0.0.1:1"}
    with Running(None, *words, environment=credentials | environment) as app:
        code, said = app.end()
    assert code == 2 and text in said and "Traceback" not in said
