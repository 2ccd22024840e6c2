#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "dec/core/error.hpp"
#include "dec/core/json.hpp"
#include "dec/results/messages.hpp"
#include "support/coordinated.hpp"
#include "support/feeder_maker.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace dec;
using results::MessageId;
using results::Order;
using test::TemporaryFolder;
namespace fs = std::filesystem;

core::Communicator alone() { return core::Communicator{MPI_COMM_SELF}; }

std::string content_of(std::string const& path) {
    std::ifstream file{path};
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

core::Json message_in(std::string const& path) { return core::Json::parse(content_of(path)); }

std::vector<Order> const three_orders{{2, 5, "area 1", "_C", 200.0, 50.0},
                                      {1, 0, "feeder", "_B", 5.0, 5.0},
                                      {0, 5, "area 1", "_A", 7.5, 7.5 * (1.0 - 1.0 / 3.0)}};

}  // namespace

TEST_CASE("an agent's message holds all its DERs in the feeder's order", "[results][messages]") {
    TemporaryFolder const folder;

    auto const count = results::write_messages(alone(), {folder / "out", 1655321845}, three_orders);

    CHECK(count == 2);
    CHECK(std::distance(fs::directory_iterator{folder / "out"}, {}) == 2);
    auto text = content_of(folder / "out/area_1.json");
    auto const mrid = message_in(folder / "out/area_1.json")["input"]["message"]["difference_mrid"].get<std::string>();
    CHECK(mrid.size() == 36);
    CHECK(mrid[14] == '4');
    text.replace(text.find(mrid), mrid.size(), "MRID");
    CHECK(core::Json::parse(text).dump() ==
          R"({"command":"update","input":{"message":{"timestamp":1655321845,"difference_mrid":"MRID",)"
          R"("reverse_differences":[)"
          R"({"object":"_A","attribute":"PowerElectronicsConnection.p","value":7500.0},)"
          R"({"object":"_C","attribute":"PowerElectronicsConnection.p","value":200000.0}],)"
          R"("forward_differences":[)"
          R"({"object":"_A","attribute":"PowerElectronicsConnection.p","value":5000.0},)"
          R"({"object":"_C","attribute":"PowerElectronicsConnection.p","value":50000.0}]}}})");
}

TEST_CASE("a message's mRID changes with what it says, when and to whom, and with nothing else",
          "[results][messages]") {
    TemporaryFolder const folder;
    auto const mrid = [&](std::vector<Order> const& orders, std::int64_t timestamp) {
        results::write_messages(alone(), {folder / "out", timestamp}, orders);
        return message_in(folder / "out/a.json")["input"]["message"]["difference_mrid"].get<std::string>();
    };
    std::vector<Order> const order{{0, 0, "a", "_A", 5.0, 4.0}};
    std::vector<Order> const less{{0, 0, "a", "_A", 5.0, 3.0}};

    CHECK(mrid(order, 10) == mrid(order, 10));
    CHECK(mrid(order, 10) != mrid(order, 11));
    CHECK(mrid(order, 10) != mrid(less, 10));
}

TEST_CASE("powers are told to the milliwatt, and nothing is never negative", "[results][messages]") {
    TemporaryFolder const folder;

    results::write_messages(alone(), {folder / "out", 0},
                            {{0, 0, "a", "_A", 5.000000123456, -1e-15}, {1, 0, "a", "_B", 0.1 + 0.2, 0.3}});

    auto const message = message_in(folder / "out/a.json")["input"]["message"];
    CHECK(message["reverse_differences"][0]["value"].dump() == "5000.0");
    CHECK(message["forward_differences"][0]["value"].dump() == "0.0");
    CHECK(message["reverse_differences"][1]["value"].dump() == "300.0");
}

TEST_CASE("file names are plain and all different", "[results][messages]") {
    CHECK(results::message_file_names({"area 1", "area/1", "Area_1", "../up", ".hidden", "", "Straße-7", "a.b"}) ==
          std::vector<std::string>{"area_1.json", "area_1-2.json", "Area_1-3.json", "_._up.json", "_hidden.json",
                                   "unnamed.json", "Stra_e-7.json", "a.b.json"});
    auto const names = results::message_file_names({std::string(300, 'x') + "1", std::string(300, 'x') + "2"});
    CHECK(names[0] == std::string(120, 'x') + ".json");
    CHECK(names[1] == std::string(120, 'x') + "-2.json");
    CHECK(results::message_file_names({"a", "a", "a-2"}) ==
          std::vector<std::string>{"a.json", "a-2.json", "a-2-2.json"});
}

TEST_CASE("what else is in the folder stays", "[results][messages]") {
    TemporaryFolder const folder;
    std::ofstream{folder / "notes.txt"} << "mine";
    std::ofstream{folder / "feeder.json"} << "an older message";

    results::write_messages(alone(), {folder.path(), 0}, three_orders);

    CHECK(content_of(folder / "notes.txt") == "mine");
    CHECK(message_in(folder / "feeder.json")["command"] == "update");
    CHECK(folder.files() == 3);
}

TEST_CASE("without DERs there is an empty folder", "[results][messages]") {
    TemporaryFolder const folder;

    CHECK(results::write_messages(alone(), {folder / "out", 0}, {}) == 0);

    CHECK(fs::is_empty(folder / "out"));
}

TEST_CASE("whether a folder takes messages is found out without leaving anything", "[results][messages]") {
    TemporaryFolder const folder;
    std::ofstream{folder / "file"} << "";
    fs::create_symlink("nowhere/at/all", folder / "link");

    results::require_message_folder(alone(), folder / "new/and/deep");
    results::require_message_folder(alone(), folder.path());
    for (auto const& name :
         {std::string{"file"}, std::string{"file/below"}, std::string{"link"}, "new2/" + std::string(300, 'x')})
        CHECK_THROWS_AS(results::require_message_folder(alone(), folder / name), core::Error);
    CHECK_THROWS_AS(results::require_message_folder(alone(), ""), core::Error);

    CHECK(folder.files() == 2);
}

TEST_CASE("orders name the agent of the DER's bus and the mRID that is asked for", "[results][messages]") {
    using feeder::Phase;
    test::FeederMaker maker;
    auto const a = maker.bus("a", 2400.0);
    auto const b = maker.bus("b", 2400.0);
    maker.source(a);
    maker.line(a, b, {Phase::a, Phase::b, Phase::c},
               {{{0.3, 0.6}, 0.0, 0.0}, {0.0, {0.3, 0.6}, 0.0}, {0.0, 0.0, {0.3, 0.6}}});
    maker.pv(b, {Phase::a}, {1000.0, 0.0, 0.0}, feeder::Connection::wye, "roof");
    auto const made = maker.finish();
    auto const distributed = test::distributed(alone(), made);
    std::vector<results::Setpoint> const points{
        {.row = 0, .name = "roof", .mrid = "the unit's", .available_kw = 1.0, .allowed_kw = 0.25, .share = 0.75}};

    auto const by_unit = results::orders(distributed->piece, points, MessageId::unit);
    auto const by_connection = results::orders(distributed->piece, points, MessageId::connection);

    REQUIRE(by_unit.size() == 1);
    CHECK(by_unit[0].agent == made.heading.name);
    CHECK(by_unit[0].object == "the unit's");
    CHECK(by_unit[0].available_kw == 1.0);
    CHECK(by_unit[0].allowed_kw == 0.25);
    CHECK(by_connection[0].object == made.pv_connection_mrids[0]);
}
