#!/usr/bin/env python3
"""Do the checks of this folder find what they are for? Each is run on small trees made for it."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).parent


def findings(check, files):
    """Returns the `path:line` of each finding of a check about a tree of these files."""
    with tempfile.TemporaryDirectory() as place:
        for name, text in files.items():
            path = pathlib.Path(place) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        ran = subprocess.run([sys.executable, HERE / f"{check}.py", place], capture_output=True, text=True, check=False)
        assert not ran.stderr, ran.stderr
        assert ran.returncode == (1 if ran.stdout else 0), ran
        return [":".join(line.split(":")[:2]) for line in ran.stdout.splitlines()]


class IncludeDirection(unittest.TestCase):
    def about(self, name, *includes):
        return findings("include_direction", {name: "// A file.\n" + "".join(f"#include {i}\n" for i in includes)})

    def test_accepts_what_each_room_may_use(self):
        self.assertEqual(self.about("core/task.cc", "<weir/core/task.h>", "<vector>", "<absl/status/status.h>"), [])
        self.assertEqual(self.about("core/connect.cc", "<weir/core/kafka/kafka_transport.h>"), [])
        self.assertEqual(self.about("core/kafka/client.cc", "<librdkafka/rdkafka.h>", "<weir/core/kafka/client.h>"), [])
        self.assertEqual(self.about("core/protobuf_serde.h", "<google/protobuf/message.h>"), [])
        self.assertEqual(self.about("core/testing/driver.cc", "<weir/core/testing/driver.h>"), [])
        self.assertEqual(self.about("state/database.cc", "<rocksdb/db.h>", "<weir/core/bytes.h>"), [])
        self.assertEqual(self.about("ml/score.h", "<weir/operators/stream.h>", "<weir/state/overlay.h>"), [])
        self.assertEqual(self.about("examples/a.cc", "<weir/weir.h>", '"report.h"', "<CLI/CLI.hpp>"), [])
        self.assertEqual(self.about("tests/core/a_test.cc", "<librdkafka/rdkafka.h>", "<rocksdb/db.h>"), [])

    def test_names_the_line_that_looks_up(self):
        self.assertEqual(self.about("core/task.cc", "<vector>", "<weir/state/overlay.h>"), ["core/task.cc:3"])
        self.assertEqual(self.about("core/task.h", "<weir/operators/stream.h>"), ["core/task.h:2"])
        self.assertEqual(self.about("core/kafka/client.cc", "<weir/ml/model.h>"), ["core/kafka/client.cc:2"])
        self.assertEqual(self.about("state/overlay.h", "<weir/operators/stream.h>"), ["state/overlay.h:2"])
        self.assertEqual(self.about("operators/count.h", " <weir/ml/model.h>"), ["operators/count.h:2"])
        self.assertEqual(self.about("operators/count.h", "<weir/weir.h>"), ["operators/count.h:2"])

    def test_keeps_a_library_in_its_room(self):
        self.assertEqual(self.about("core/task.cc", "<librdkafka/rdkafka.h>"), ["core/task.cc:2"])
        self.assertEqual(self.about("core/embedded/log.h", "<rdkafka.h>"), ["core/embedded/log.h:2"])
        self.assertEqual(self.about("core/task.cc", "<rocksdb/db.h>"), ["core/task.cc:2"])
        self.assertEqual(self.about("ml/model.cc", "<rocksdb/db.h>"), ["ml/model.cc:2"])
        self.assertEqual(self.about("core/serde.h", "<google/protobuf/message.h>"), ["core/serde.h:2"])
        self.assertEqual(self.about("core/worker.cc", "<weir/core/kafka/client.h>"), ["core/worker.cc:2"])
        self.assertEqual(self.about("operators/a.h", "<weir/core/testing/driver.h>"), ["operators/a.h:2"])

    def test_wants_includes_spelled_from_the_prefix(self):
        self.assertEqual(self.about("core/task.cc", '"task.h"'), ["core/task.cc:2"])

    def test_keeps_examples_to_what_users_have(self):
        for include in ("<librdkafka/rdkafka.h>", "<rocksdb/db.h>", "<gtest/gtest.h>", '"../core/task.h"'):
            self.assertEqual(self.about("examples/a.cc", include), ["examples/a.cc:2"], include)


class ComparedOperations(unittest.TestCase):
    PARTS = "".join(
        f"[[nodiscard]] Operation<F> {part}(int a) {{\n"
        for part in ("category_counts", "of_pauses", "picked", "picked_by", "summary_of")
    )

    def about(self, cases):
        operations = (
            "[[nodiscard]] auto outside(int a);\nnamespace agg {\n[[nodiscard]] inline Operation<> count() {\n"
            "[[nodiscard]] auto sum(std::string name) {\n[[nodiscard]] OperationSpec::Question ask(int a) {\n"
            + self.PARTS
            + "}  // namespace agg\n"
        )
        return findings(
            "compared_operations",
            {"ml/features/operations.h": operations, "tests/ml/features/reference_cases.h": cases},
        )

    def test_accepts_operations_that_have_a_case(self):
        self.assertEqual(self.about("use(Case{count(), {}});\nuse(Case{\n  sum(1), {}});\n"), [])

    def test_names_the_line_of_one_that_has_none(self):
        place = "ml/features/operations.h"
        self.assertEqual(self.about("use(Case{sum(1), {}});\n"), [place + ":3"])
        self.assertEqual(self.about("use(Case{count(), {}});\n// Case{sum(1)\ncheck(sum(1));\n"), [place + ":4"])


class MappingTests(unittest.TestCase):
    TESTS = {
        "tests/operators/filter_test.cc": "TEST(Filter, Drops) {}\nTEST_F(Filter,\n       Keeps) {}\n",
        "tests/oracle/stateless.cc": '    {"filter", [] {}},\n',
    }

    def about(self, *rows):
        table = "# A table\n\n| Kafka Streams | weir | test |\n|---|---|---|\n" + "".join(row + "\n" for row in rows)
        return findings("mapping_tests", {"docs/from-kafka-streams.md": table, **self.TESTS})

    def test_accepts_tests_that_exist_and_what_is_absent(self):
        self.assertEqual(
            self.about(
                "| `filter` | `filter` | `operators/filter_test.cc::Filter.Drops`, `oracle/stateless.cc::filter` |",
                "| `filter` | `filter` | `operators/filter_test.cc::Filter.Keeps` |",
                "| `metrics` | absent: they are counted elsewhere | |",
            ),
            [],
        )

    def test_names_the_line_of_a_test_that_does_not_exist(self):
        place = "docs/from-kafka-streams.md"
        self.assertEqual(self.about("| `f` | `f` | `operators/filter_test.cc::Filter.Gone` |"), [place + ":5"])
        self.assertEqual(self.about("| `f` | `f` | `operators/gone_test.cc::Filter.Drops` |"), [place + ":5"])
        self.assertEqual(self.about("| `f` | `f` | `oracle/stateless.cc::filt` |"), [place + ":5"])
        self.assertEqual(self.about("| `f` | `f` | |"), [place + ":5"])

    def test_looks_for_the_tests_of_field_bugs_as_well(self):
        row = "| A-1: x | `outputs`, `operators/filter_test.cc::Filter.{}` |\n"
        page = "| bug | is shown by |\n|---|---|\n" + row + "| A-2: y | `offsets` |\n"
        place = "tests/sim/field-bugs.md"
        self.assertEqual(findings("mapping_tests", {place: page.format("Drops"), **self.TESTS}), [])
        self.assertEqual(findings("mapping_tests", {place: page.format("Gone"), **self.TESTS}), [place + ":3"])


class DocExamples(unittest.TestCase):
    PAGE = "# A page\n\nThe examples are compiled and run as `tests/a_test.cc`.\n\n```cpp\n{}```\n"
    TEST = '#include <weir/b.h>\nvoid run() {\n  use(1, 2);\n  use("http://x");\n}\n'

    def about(self, code, page=PAGE):
        return findings("doc_examples", {"docs/a.md": page.format(code), "tests/a_test.cc": self.TEST})

    def test_accepts_what_a_test_has(self):
        self.assertEqual(self.about("use(1,\n    2);  // twice\n"), [])
        self.assertEqual(self.about('#include <weir/b.h>\n\nuse("http://x");\n'), [])
        self.assertEqual(findings("doc_examples", {"docs/a.md": "```cpp\nno(test);\n```\n"}), [])

    def test_names_the_line_of_an_example_that_is_another(self):
        self.assertEqual(self.about("use(1, 3);\n"), ["docs/a.md:5"])
        self.assertEqual(self.about("#include <weir/c.h>\nuse(1, 2);\n"), ["docs/a.md:5"])
        self.assertEqual(self.about('use("http://y");\n'), ["docs/a.md:5"])

    def test_names_the_line_of_a_test_that_does_not_exist(self):
        page = self.PAGE.replace("a_test", "b_test")
        self.assertEqual(self.about("use(1, 2);\n", page), ["docs/a.md:3", "docs/a.md:5"])


class RoomReadmes(unittest.TestCase):
    ROOMS = ["core", "state", "operators", "ml", "examples", "tests", "bench", "docs"]
    PAGE = "# A room\n\nIt owns this.\n\nIts types:\n\n- one\n- two\n\nStart at one.\n"

    def test_accepts_a_page_in_each_room(self):
        self.assertEqual(findings("room_readmes", {f"{room}/README.md": self.PAGE for room in self.ROOMS}), [])

    def test_names_the_room_without_one(self):
        files = {f"{room}/README.md": self.PAGE for room in self.ROOMS if room != "state"}
        files["state/overlay.h"] = "// A file.\n"
        files["core/kafka/client.h"] = "// A file.\n"
        self.assertEqual(findings("room_readmes", files), ["state/README.md:1", "core/kafka/README.md:1"])

    def test_refuses_an_empty_page(self):
        files = {f"{room}/README.md": self.PAGE for room in self.ROOMS} | {"ml/README.md": "# ml\n"}
        self.assertEqual(findings("room_readmes", files), ["ml/README.md:1"])


class TrackedText(unittest.TestCase):
    # Written in two parts, so that this file may hold them.
    HOME = "/ho" + "me/"

    def about(self, name, text):
        return findings("tracked_text", {name: text})

    def test_accepts_ordinary_text(self):
        self.assertEqual(self.about("docs/a.md", "see docs/home/page, build/work/x and ~/work/y\n"), [])
        self.assertEqual(self.about("core/a.h", "static_assert(true);\nWEIR_CHECK(x);\n"), [])
        self.assertEqual(self.about("tests/a_test.cc", "self.assert(true);\n"), [])

    def test_names_the_line_with_a_machines_path(self):
        self.assertEqual(self.about("docs/a.md", f"first\nsee {self.HOME}ann/weir\n"), ["docs/a.md:2"])
        self.assertEqual(self.about("dev", f'cd "{"/wo" + "rk/"}main"\n'), ["dev:1"])

    def test_names_unfinished_work(self):
        self.assertEqual(self.about("core/a.h", "// TO" + "DO: more\n"), ["core/a.h:1"])

    def test_refuses_checks_that_vanish(self):
        self.assertEqual(self.about("core/a.cc", "int x;\n  assert(x > 0);\n"), ["core/a.cc:2"])
        self.assertEqual(self.about("ml/a.cc", "#ifndef NDEBUG\n"), ["ml/a.cc:1"])


class Outcome(unittest.TestCase):
    def about(self, *tests):
        """Returns what is said of these (name, status, output) of one run of ctest."""
        with tempfile.TemporaryDirectory() as place:
            text = "".join(
                f'\t<testcase name="{name}" classname="{name}" time="1.5" status="{status}">\n'
                f"\t\t<system-out>{output}\n</system-out>\n\t</testcase>\n"
                for name, status, output in tests
            )
            (pathlib.Path(place) / "release.xml").write_text(f"<testsuite>\n{text}</testsuite>\n", encoding="utf-8")
            ran = subprocess.run(
                [sys.executable, HERE / "outcome.py", place], capture_output=True, text=True, check=True
            )
            return ran.stdout.splitlines()

    def test_has_nothing_to_add_where_all_passed(self):
        self.assertEqual(self.about(("a", "run", "[  PASSED  ]"), ("b", "run", "")), ["2 0 0"])

    def test_names_what_failed(self):
        self.assertEqual(self.about(("a", "fail", "\x02 no XML"), ("b", "run", "")), ["1 1 0", "failed: a (release)"])

    def test_counts_what_was_skipped_and_says_why_once(self):
        why = "skipped: there is no data set"
        self.assertEqual(
            self.about(
                ("a", "notrun", why),
                ("b", "run", f"{why}\n[  SKIPPED ] A.One (0 ms)\n[  SKIPPED ] A.Two (0 ms)\n[  SKIPPED ] A.One"),
            ),
            ["1 0 3", why],
        )


if __name__ == "__main__":
    unittest.main()
