/// Every folder of tests/cases that has an expected.json: the stored answers on any number of ranks, and on one rank by brute
/// force on the dense twin. Nothing outside the checkout is needed.
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "dec/coordination/bisection.hpp"
#include "dec/core/json.hpp"
#include "dec/synthesis/populate.hpp"
#include "reference/brute_force.hpp"
#include "support/coordinated.hpp"
#include "support/places.hpp"

using namespace dec;

namespace {

core::Json read(std::filesystem::path const& path) {
    std::ifstream file{path};
    return core::Json::parse(file);
}

std::vector<std::filesystem::path> case_folders() {
    std::vector<std::filesystem::path> folders;
    for (auto const& entry : std::filesystem::directory_iterator{test::source_path("tests/cases")})
        if (std::filesystem::exists(entry.path() / "expected.json")) folders.push_back(entry.path());
    std::ranges::sort(folders);
    return folders;
}

feeder::Feeder populated(std::string const& folder) {
    auto feeder = synthesis::read_tables(test::source_path(folder));
    synthesis::populate(feeder, synthesis::read_settings(test::source_path(folder)));
    return feeder;
}

coordination::VoltageLimits limits_of(core::Json const& input) {
    return {.v_min_pu = input.at("v_min_pu"), .v_max_pu = input.at("v_max_pu"), .relax_v_min = input.at("relax_v_min")};
}

}  // namespace

TEST_CASE("the stored cases have their stored answers", "[parallel][cases]") {
    auto const folders = case_folders();
    REQUIRE_FALSE(folders.empty());
    core::Communicator const comm{MPI_COMM_WORLD};
    for (auto const& folder : folders) {
        auto const input = read(folder / "input.json");
        auto const expected = read(folder / "expected.json");
        double const tolerance = expected.at("tolerance");
        auto const feeder = populated(input.at("tables"));
        auto const limits = limits_of(input);
        auto const spread = test::distributed(comm, feeder);
        CAPTURE(folder.filename().string());
        CHECK(spread->piece.totals.nodes == expected.at("nodes").get<std::int64_t>());
        CHECK(spread->piece.totals.ders == expected.at("ders").get<std::int64_t>());

        for (auto const& [name, known] : expected.at("policies").items()) {
            auto const answer =
                coordination::bisection(comm, *spread->flow, *fairness::find_policy(name), {.limits = limits}, {});

            CAPTURE(name);
            CHECK(std::string{to_text(answer.status)} == known.at("status").get<std::string>());
            CHECK(answer.objective == Approx(known.at("objective_kw").get<double>()).epsilon(tolerance).margin(0.0));
            CHECK(answer.binding_node == known.at("binding_node").get<std::string>());
            double highest = 0.0;
            for (double v_sq : test::all_voltages(comm, spread->piece, answer.uncurtailed))
                highest = std::fmax(highest, v_sq);
            CHECK(std::abs(std::sqrt(highest) - expected.at("v_max_uncurtailed_pu").get<double>()) < tolerance);
            if (!known.contains("alpha")) continue;
            for (std::size_t d = 0; d < answer.alpha.size(); ++d)
                if (spread->flow->ders()[d].available > 0.0)
                    CHECK(std::abs(answer.alpha[d] - known.at("alpha").get<double>()) < tolerance);
        }
    }
}

TEST_CASE("the stored answers are those of brute force on the dense twin", "[cases][twin]") {
    core::Communicator const comm{MPI_COMM_WORLD};
    if (comm.size() > 1) return;  // no ranks in it
    for (auto const& folder : case_folders()) {
        auto const input = read(folder / "input.json");
        auto const expected = read(folder / "expected.json");
        double const tolerance = expected.at("tolerance");
        auto const feeder = populated(input.at("tables"));
        test::DenseTwin const twin{feeder};

        CAPTURE(folder.filename().string());
        double highest = 0.0, available = 0.0;
        for (double v_sq : twin.seen(std::vector<double>(feeder.pv_systems.size(), 0.0)))
            highest = std::fmax(highest, v_sq);
        for (double kw : twin.available_kw()) available += kw;
        CHECK(std::abs(std::sqrt(highest) - expected.at("v_max_uncurtailed_pu").get<double>()) < tolerance);
        for (auto const& [name, known] : expected.at("policies").items()) {
            auto const& policy = *fairness::find_policy(name);
            auto const answer = test::brute_force(twin, policy, limits_of(input));

            CAPTURE(name);
            REQUIRE(answer.feasible);
            CHECK(policy.objective(answer.scalar, available) ==
                  Approx(known.at("objective_kw").get<double>()).epsilon(tolerance).margin(0.0));
            CHECK(answer.binding == known.at("binding_node").get<std::string>());
            if (known.contains("alpha")) CHECK(std::abs(answer.scalar - known.at("alpha").get<double>()) < tolerance);
        }
    }
}
