"""A ClickHouse server by URL: what goes wrong between a gateway and its server, in words, with nothing lost."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING

import pytest
import trustme

from sojourn.home import Home
from sojourn_gateway.command.line import main
from sojourn_gateway.engine import Engine
from sojourn_gateway.engine.backend import Unwritten
from sojourn_gateway.engine.lease import Lease
from sojourn_gateway.engine.remembered import Remembered
from sojourn_gateway.engine.served import Served
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.ingest import Ingest
from sojourn_gateway.ingest.body import read_body
from sojourn_gateway.keeping import Keeper
from sojourn_gateway.model.address import parse_address
from sojourn_gateway.model.faults import EngineHeld, GatewayFault
from sojourn_gateway.model.where import Among, Field
from sojourn_gateway.query import Queries
from sojourn_gateway.settings import Settings
from tests.gateway.front import PASSWORD
from tests.gateway.fronts import Front, reserved, started
from tests.gateway.sender import Store, event, span, trace_id, traces
from tests.gateway.serving import served
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """A server that the tests of this module share."""
    with started(tmp_path_factory.mktemp("front")) as running:
        yield running


@contextmanager
def opened(front: Front, home: Path, **told: str) -> Generator[Store]:
    """A gateway's store on it."""
    engine = Engine.open(Home(home), front.address(**told))
    try:
        ingest = Ingest(engine)
        try:
            yield Store(engine, ingest, Queries(engine))
        finally:
            ingest.close()
    finally:
        engine.close()


def refusal(home: Path, url: str) -> str:
    """What is said when such a store is opened; neither the password nor the statement is ever in it."""
    with pytest.raises(GatewayFault) as caught:
        Engine.open(Home(home), parse_address(url, "SOJOURN_ENGINE"))
    said = str(caught.value)
    assert PASSWORD not in said
    assert "wr0ng" not in said
    assert "select" not in said.lower().replace("insert and select", "")
    return said


def test_a_store_on_a_server_survives_its_gateway(front: Front, home: Path, tmp_path: Path) -> None:
    body = traces([span(trace_id(), attributes={"session.id": "s"}), span(trace_id(), attributes={"session.id": "s"})])
    with opened(front, home, database="kept") as first:
        project = first.project
        first.ingest.submit_now("traces", project, body)
        assert first.engine.settle(60)
    # Another home, as of another machine.
    with opened(front, tmp_path / "other", database="kept") as second:
        found = second.queries.session(project, "s")
        assert found is not None
        assert found.summary.span_count == 2
        second.ingest.submit_now("traces", project, body)
        assert second.engine.settle(60)
        again = second.queries.session(project, "s")
        assert again is not None
        assert again.summary.span_count == 2


def test_answers_and_inserts_may_go_uncompressed(front: Front, home: Path) -> None:
    with opened(front, home, database="plain", compress="0") as store:
        store.send(span(trace_id(), attributes={"session.id": "s"}))
        assert store.session("s").summary.span_count == 1


def test_over_a_cluster_the_same_is_written_and_read(front: Front, home: Path) -> None:
    with opened(front, home, database="spread", cluster="main") as store:
        one = span(trace_id(), attributes={"session.id": "s"})
        store.send(one)
        store.send(one)
        store.tell(event("session.start", "s", sojourn__session__name="named"))
        found = store.session("s")
        assert (found.summary.span_count, found.summary.name) == (1, "named")
        tables = store.engine.rows(
            "select name from system.tables where database = {database:String}", {"database": "spread"}
        )
        assert {(b"spans",), (b"spans_local",), (b"marks",), (b"touched",)} <= set(tables)
        assert not {(b"marks_local",), (b"touched_local",)} & set(tables)


def test_what_a_servers_owner_builds_an_erasure_leaves_alone(front: Front, home: Path) -> None:
    with opened(front, home) as store, ThreadPoolExecutor(1) as pool:
        engine, keeper = store.engine, Keeper(store.engine, Home(home))

        def commands() -> list[bytes]:
            told = engine.rows(
                """select command from system.mutations
                where database = {database:String} and table = 'spans' and not is_done""",
                {"database": DATABASE},
            )
            return [command for (command,) in told]

        with engine.beside() as handle:
            handle.run(f"system stop merges {DATABASE}.spans")
            try:
                store.send(span(trace_id(), attributes={"session.id": "gone"}))
                handle.run(f"alter table {DATABASE}.spans materialize index by_word settings mutations_sync = 0")
                erasing = pool.submit(keeper.erase_session, store.project, "gone")
                until(lambda: any(b"DELETE" in one for one in commands()))
                assert any(b"MATERIALIZE" in one for one in commands())
            finally:
                handle.run(f"system start merges {DATABASE}.spans")
        assert erasing.result() is not None


def test_a_server_that_takes_short_values_only_is_asked_for_many_ids(front: Front, home: Path) -> None:
    with opened(front, home) as store:
        store.send(span(trace_id(), attributes={"session.id": "the 'one'\\"}), span(trace_id()))
        ids = ("the 'one'\\", *(f"{number:0>500}" for number in range(1000)))
        assert [one.id for one in store.list(where=Among(Field("session_id", "string"), ids))] == ["the 'one'\\"]
        assert store.queries.outlines.of(store.project, ids)["the 'one'\\"].turns


def test_a_body_that_the_server_cannot_decode_is_the_bodys_fault(front: Front, home: Path) -> None:
    body = traces([span(trace_id(), "bad", attributes={"session.id": "s"})])
    bad = body.replace(b"\x2a\x03bad", b"\x28\x81\x81\x81\x01")
    with opened(front, home, database="undecodable") as store:
        with pytest.raises(GatewayFault, match="no OTLP request that can be decoded"):
            store.ingest.submit_now("traces", store.project, bad)
        store.send(span(trace_id(), attributes={"session.id": "s"}))
        assert store.session("s").summary.span_count == 1


def test_rows_that_the_server_does_not_take_are_said_to_be_unwritten(front: Front, home: Path) -> None:
    with opened(front, home, database="unwritten") as store:
        store.engine.insert("keeping", ("project", "days", "bytes", "version"), [["p", 1, 2, 3]])
        with pytest.raises(Unwritten, match="the ClickHouse server at "):
            store.engine.insert("nowhere", ("project",), [["p"]])
        with pytest.raises(Unwritten, match="the ClickHouse server at "):
            store.engine.insert("keeping", ("project", "days", "bytes", "version"), [["p", -1, 2, 3]])


def test_a_wrong_password_is_said_without_the_password(front: Front, home: Path) -> None:
    for url in (front.url(password="wr0ng"), front.url(user="wr0ng")):
        assert refusal(home, url) == (
            f"the ClickHouse server at 127.0.0.1:{front.port} refuses the user or the password of SOJOURN_ENGINE"
        )


def test_a_server_that_is_not_there_is_said_to_be_unreachable(home: Path) -> None:
    with reserved() as port:
        said = refusal(home, f"clickhouse://u:wr0ng@127.0.0.1:{port}/d")
    assert said == f"the ClickHouse server at 127.0.0.1:{port} cannot be reached: nothing listens there"


def test_a_server_whose_name_nobody_knows_is_said_to_be_unreachable(home: Path) -> None:
    """In a process of its own, which may ask for a name."""
    program = """
import sys
from pathlib import Path
from sojourn.home import Home
from sojourn_gateway.engine import Engine
from sojourn_gateway.model.address import parse_address
from sojourn_gateway.model.faults import GatewayFault
try:
    Engine.open(Home(Path(sys.argv[1])), parse_address("clickhouse://u:wr0ng@nowhere.invalid/d", "X"))
except GatewayFault as fault:
    print(fault)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program, str(home)], check=True, capture_output=True, text=True, timeout=300
    )
    assert ran.stdout == "the ClickHouse server at nowhere.invalid:8123 cannot be reached: its name is not known\n"
    assert "wr0ng" not in ran.stderr


def test_a_server_without_a_secure_port_is_said_to_have_none(front: Front, home: Path) -> None:
    said = refusal(home, front.url(secure="1"))
    assert said.startswith(f"the ClickHouse server at 127.0.0.1:{front.port} cannot be reached: no secure connection (")


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_a_secure_server_is_trusted_by_its_certificate_or_by_the_one_that_is_named(home: Path, tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    mine = authority.issue_cert("127.0.0.1")
    names = [str(tmp_path / name) for name in ("certificate", "key", "authority", "stranger")]
    mine.cert_chain_pems[0].write_to_path(names[0])
    mine.private_key_pem.write_to_path(names[1])
    authority.cert_pem.write_to_path(names[2])
    stranger.cert_pem.write_to_path(names[3])
    with started(tmp_path / "front", (names[0], names[1])) as front:
        for told in ({}, {"ca": names[3]}):
            assert "no secure connection (" in refusal(home, front.url(secure="1", **told))
        with opened(front, home, secure="1", ca=names[2]) as store:
            store.send(span(trace_id(), attributes={"session.id": "s"}))
            assert store.session("s").summary.span_count == 1
        with opened(front, home, secure="1", verify="0"):
            pass


def test_a_server_that_never_answers_to_the_end_breaks_no_gateway(home: Path) -> None:
    """As a proxy does whose server is gone."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            while True:
                try:
                    listening.accept()[0].close()
                except OSError:
                    return

        thread = threading.Thread(target=hang_up)
        thread.start()
        try:
            said = refusal(home, f"clickhouse://u:wr0ng@127.0.0.1:{listening.getsockname()[1]}/d")
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            listening.close()
            thread.join()
    assert said.endswith("cannot be reached: the connection broke")


def test_a_user_who_may_only_read_is_told_what_is_missing(front: Front, home: Path) -> None:
    said = refusal(home, front.url(user="reader"))
    assert said.startswith(f"the ClickHouse server at 127.0.0.1:{front.port} does not allow this to the user")
    assert "reader" not in said


def test_the_command_says_it_too(
    front: Front, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SOJOURN_ENGINE", front.url(password="wr0ng"))
    assert main(["sessions"]) == 1
    assert main(["serve", "--port", "0"]) == 1
    assert main(["doctor"]) == 1
    printed = capsys.readouterr()
    told = f"the ClickHouse server at 127.0.0.1:{front.port} refuses the user or the password of SOJOURN_ENGINE"
    assert printed.err == f"sojourn: {told}\n" * 2
    assert told in printed.out.replace("\n", " ")
    monkeypatch.setenv("SOJOURN_ENGINE", front.url(database="empty"))
    assert main(["doctor"]) == 0
    printed = capsys.readouterr()
    assert f"database empty on the ClickHouse server at 127.0.0.1:{front.port} opens" in printed.out
    assert "wr0ng" not in printed.out + printed.err
    assert PASSWORD not in printed.out + printed.err


def test_one_gateway_at_a_time_writes_to_a_store(front: Front, home: Path, tmp_path: Path) -> None:
    with opened(front, home, database="leased"):
        with pytest.raises(EngineHeld, match="one gateway at a time does"):
            Engine.open(Home(tmp_path / "other"), front.address(database="leased"))
        with opened(front, tmp_path / "third", database="not_leased"):
            pass
    # It was given up, not left to run out.
    with opened(front, tmp_path / "other", database="leased"):
        pass


def test_the_claim_of_a_dead_gateway_runs_out_and_its_own_home_need_not_wait(front: Front, tmp_path: Path) -> None:
    address = front.address(database="claimed")

    def claim(home: str, **times: float) -> Lease:
        return Lease(Served(address).handle("writer"), Home(tmp_path / home), **times)

    # It never says again that it lives, as the dead do not. On a busy machine minutes may pass before it is asked for.
    claim("dead", every_s=3600)
    with pytest.raises(EngineHeld):
        claim("another", lasts_s=3600)
    again = claim("dead", every_s=3600)
    with pytest.raises(EngineHeld):
        claim("another", lasts_s=3600)

    def taken() -> Lease | None:
        try:
            return claim("another", lasts_s=0.5, every_s=3600)
        except EngineHeld:
            return None

    until(taken, within_s=120).release()
    again.release()


def test_who_lost_the_store_writes_no_more(front: Front, tmp_path: Path) -> None:
    address = front.address(database="lost")
    first = Lease(Served(address).handle("writer"), Home(tmp_path / "first"), lasts_s=0.2, every_s=1)
    writer = Served(address, first.check).handle("writer")

    def taken() -> Lease | None:
        try:
            return Lease(Served(address).handle("writer"), Home(tmp_path / "second"), lasts_s=0.2, every_s=0.05)
        except EngineHeld:
            return None

    second = until(taken, within_s=120)

    def refused() -> bool:
        # By what writes itself: between two looks the first may have the store again, while the second has no turn.
        try:
            writer.run("create table if not exists lost.x (a String) engine = Memory")
        except EngineHeld:
            return True
        return False

    until(refused, within_s=120)
    first.release()
    second.release()
    writer.close()


def test_what_is_remembered_of_a_server_is_asked_again_in_time(front: Front, home: Path) -> None:
    """A gateway that lost its store still reads it, and hears nothing of what the next one rolls up."""
    asked, now = count(), 0.0
    remembered = Remembered(lambda _engine, _project: next(asked), clock=lambda: now)
    with opened(front, home, database="trusted") as store:
        assert [remembered.of(store.engine, store.project) for _ in range(2)] == [0, 0]
        now = 60.0
        assert [remembered.of(store.engine, store.project) for _ in range(2)] == [1, 1]


def test_a_server_that_goes_and_comes_back_loses_nothing(home: Path, tmp_path: Path) -> None:
    body = traces([span(trace_id(), attributes={"session.id": "s"})])
    protobuf = {"Content-Type": "application/x-protobuf"}
    with started(tmp_path / "front") as front:
        engine = Engine.open(Home(home), front.address())
        try:
            with served(engine, Home(home), Settings(project="p"), patience_s=0) as gateway:
                kept = traces([span(trace_id(), attributes={"session.id": "s"})])
                assert gateway.send(kept).status_code == 200
                assert engine.settle(60)
                # Committed, and not yet in the lists when the server dies.
                late = traces([span(trace_id(), attributes={"session.id": "late"})])
                engine.write("traces", read_body("traces", "p", late, time.time_ns()).parts)
                front.stop()

                answer = gateway.client.post(
                    "/v1/traces", content=body, headers=protobuf | {"Accept": "application/json"}
                )
                assert answer.status_code == 503
                assert answer.headers["Retry-After"]
                assert b"cannot be reached" in answer.content
                assert PASSWORD.encode() not in answer.content
                for path in ("/v1/sessions", "/v1/spans", "/"):
                    asked = gateway.get(path)
                    assert (path, asked.status_code) == (path, 503)
                    assert "cannot be reached" in asked.text
                    assert PASSWORD not in asked.text

                front.start()
                # Nobody needs to send for the lists to come right.
                assert engine.settle(60)
                assert Queries(engine).session("p", "late") is not None
                # A sender that was told 503 sends again.
                until(lambda: gateway.send(body).status_code == 200, within_s=60)
                assert engine.settle(60)
                found = Queries(engine).session("p", "s")
                assert found is not None
                assert found.summary.span_count == 2
                front.stop()
        finally:
            # Nobody is kept from stopping by a server that is gone.
            engine.close()
        front.start()
        again = Engine.open(Home(home), front.address())
        assert again.rows("select count() from sojourn.spans final")[0][0] == 3
        again.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("localhost:8123", "must look like clickhouse://"),
        ("mysql://u:secret@host/d", "must look like clickhouse://"),
        ("clickhouse://u:secret@host:port/d", "is no URL"),
        ("clickhouse://u:secret@host/a b", "must be a plain name"),
        ("clickhouse://u:secret@host/d?cluster=a'b", "must be a plain name"),
        ("clickhouse://u:secret@host/d?secure=yes", "must be 0 or 1"),
        ("clickhouse://u:se?cret@host/d", "must look like clickhouse://"),
        ("clickhouse://u@host/d?cret@x=1", "has an option that is not known"),
    ],
)
def test_an_address_that_is_none_is_said_without_quoting_it(url: str, said: str) -> None:
    with pytest.raises(GatewayFault, match=said) as caught:
        Settings.read({"SOJOURN_ENGINE": url})
    assert "cret" not in str(caught.value)


def test_an_address_says_where_and_shows_no_password() -> None:
    settings = Settings.read(
        {"SOJOURN_ENGINE": "https://me:p%40ss%2Fw%3Frd%231%20%25@db.example/agents?cluster=main&verify=0"}
    )
    address = settings.engine
    assert address is not None
    assert (address.host, address.port, address.database, address.user) == ("db.example", 8443, "agents", "me")
    assert (address.password, address.secure, address.verify, address.cluster) == (PASSWORD, True, False, "main")
    assert address.place == "db.example:8443"
    assert PASSWORD not in repr(settings)
    assert Settings.read({"SOJOURN_ENGINE": " "}).engine is None
    assert parse_address("clickhouse://[::1]", "X").place == "[::1]:8123"
