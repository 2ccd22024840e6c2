#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>

#include "dec/fairness/indices.hpp"
#include "dec/results/summary.hpp"

namespace {

using namespace dec;
using fairness::gini;
using fairness::jain;
using results::Summary;

// The contract of docs/design.md, "--json keys", written down a second time: whoever changes a key has to change it here.
std::vector<std::string> const contract{"feeder",
                                        "buses",
                                        "nodes",
                                        "branches",
                                        "loads",
                                        "ders",
                                        "storages",
                                        "machines",
                                        "agents",
                                        "areas",
                                        "ranks",
                                        "method",
                                        "policy",
                                        "scope",
                                        "status",
                                        "iterations",
                                        "levels",
                                        "objective",
                                        "objective_optimal",
                                        "optimality_gap",
                                        "alpha_min",
                                        "alpha_mean",
                                        "alpha_max",
                                        "available_kw",
                                        "curtailed_kw",
                                        "curtailed_kw_linear",
                                        "jain",
                                        "gini",
                                        "price_of_fairness",
                                        "v_max_uncurtailed",
                                        "v_max",
                                        "v_min",
                                        "v_max_ac",
                                        "v_min_ac",
                                        "v_max_ac_linear",
                                        "nodes_below_vmin",
                                        "violation",
                                        "ac_rounds",
                                        "binding",
                                        "primal_residual",
                                        "dual_residual",
                                        "duality_gap",
                                        "edge_cut",
                                        "imbalance",
                                        "peak_memory_mb",
                                        "communication",
                                        "seconds"};
std::vector<std::string> const steps{"read", "partition", "build", "solve", "check", "write", "total"};

std::vector<std::string> keys(core::Json const& object) {
    std::vector<std::string> list;
    for (auto const& [key, value] : object.items()) list.push_back(key);
    return list;
}

Summary example() {
    Summary s;
    s.feeder = "ieee123";
    s.ders = 66;
    s.method = "bisection";
    s.policy = "proportional";
    s.scope = "feeder";
    s.status = "optimal";
    s.alpha_min = s.alpha_mean = s.alpha_max = 0.25;
    s.available_kw = 1200.0;
    s.curtailed_kw = 300.0;
    s.v_max_uncurtailed = 1.0731;
    s.v_max = 1.05;
    s.v_min = 0.981;
    s.binding = {"67.A"};
    return s;
}

/// Straight from the definitions in docs/model.md.
double jain_by_definition(std::vector<double> const& x) {
    double sum = 0.0, squares = 0.0;
    for (double const a : x) sum += a, squares += a * a;
    return sum * sum / (static_cast<double>(x.size()) * squares);
}
double gini_by_definition(std::vector<double> const& x) {
    double spread = 0.0, mean = 0.0;
    auto const n = static_cast<double>(x.size());
    for (double const a : x) {
        mean += a / n;
        for (double const b : x) spread += std::abs(a - b);
    }
    return spread / (2.0 * n * n * mean);
}

}  // namespace

TEST_CASE("the JSON summary has the keys of the contract in its order", "[results][summary]") {
    auto const json = results::to_json(example());

    CHECK(keys(json) == contract);
    CHECK(keys(json["seconds"]) == steps);
}

TEST_CASE("what does not apply is null in JSON and stands under its key", "[results][summary]") {
    auto const json = results::to_json(Summary{});

    for (auto const* key : {"scope", "levels", "price_of_fairness", "v_max_ac", "v_min_ac", "v_max_ac_linear",
                            "primal_residual", "dual_residual", "duality_gap"}) {
        CAPTURE(key);
        CHECK(json.at(key).is_null());
    }
    CHECK(json["binding"].is_array());
}

TEST_CASE("a figure that is not a number is null in the JSON text", "[results][summary]") {
    auto summary = example();
    summary.v_max = std::numeric_limits<double>::quiet_NaN();

    auto const read_back = core::Json::parse(results::to_json(summary).dump());

    CHECK(read_back["v_max"].is_null());
    CHECK(read_back["alpha_max"] == 0.25);
    CHECK(read_back["binding"] == core::Json::array({"67.A"}));
}

TEST_CASE("the attributes of a file are the scalars that do not depend on the ranks", "[results][summary]") {
    auto one = example();
    auto four = one;
    four.ranks = 4;
    four.edge_cut = 7;
    four.imbalance = 1.1;
    four.peak_memory_mb = 99.0;
    four.communication.bytes = 4096;
    four.seconds.total = 5.0;

    auto const attributes = results::rank_independent(one);

    CHECK(std::get<std::string>(attributes.at("scope")) == "feeder");
    CHECK(std::get<std::int64_t>(attributes.at("ders")) == 66);
    CHECK(std::get<double>(attributes.at("v_max")) == 1.05);
    CHECK(std::isnan(std::get<double>(attributes.at("v_max_ac"))));
    CHECK(attributes.size() == contract.size() - 7);
    auto const others = results::rank_independent(four);
    REQUIRE(others.size() == attributes.size());
    for (auto const& [name, value] : attributes)
        if (!std::holds_alternative<double>(value)) CHECK(others.at(name) == value);
}

TEST_CASE("a scope that does not apply is an empty attribute", "[results][summary]") {
    auto summary = example();
    summary.scope.reset();

    CHECK(results::rank_independent(summary).at("scope") == core::AttributeValue{std::string{}});
}

TEST_CASE("the table says who bears what and whether the limits hold", "[results][summary]") {
    auto summary = example();

    auto const held = results::to_table(summary);
    summary.violation = 0.0123;
    auto const broken = results::to_table(summary);
    summary.violations = 0.5;
    summary.violating_nodes = 60;
    auto const in_all = results::to_table(summary);

    CHECK_THAT(held, Catch::Contains("300.0 kW of 1200.0 kW available, 25.00 %"));
    CHECK_THAT(held, Catch::Contains("1.0731 pu uncurtailed, 1.0500 pu with these setpoints"));
    CHECK_THAT(held, Catch::Contains("67.A"));
    CHECK_THAT(held, Catch::Contains("Voltage limits   hold"));
    CHECK_THAT(broken, Catch::Contains("Voltage limits   violated by 0.012 pu\n"));
    CHECK_THAT(in_all, Catch::Contains("Voltage limits   violated by 0.012 pu at most, by 0.5 pu in all at 60 nodes"));
}

TEST_CASE("how far an end is from the optimum is a share of it, and rounding is no distance", "[results][summary]") {
    Summary s;
    s.available_kw = 1000.0;
    CHECK_FALSE(results::optimality_gap(s).has_value());

    s.objective = 150.0;
    s.objective_optimal = 100.0;
    CHECK(results::optimality_gap(s) == Approx(0.5));

    s.objective = 0.0;
    s.objective_optimal = 4e-26;
    CHECK(results::optimality_gap(s) == 0.0);

    s.objective = 3.0;
    CHECK_FALSE(results::optimality_gap(s).has_value());
}

TEST_CASE("the table names a few of many binding nodes and counts the rest", "[results][summary]") {
    auto summary = example();
    summary.binding.clear();
    for (int i = 0; i < 100; ++i) summary.binding.push_back("b" + std::to_string(i) + ".A");

    auto const table = results::to_table(summary);

    CHECK_THAT(table, Catch::Contains("b0.A, ") && Catch::Contains(" and 94 more") && !Catch::Contains("b6.A"));
}

TEST_CASE("the table says who gives up most and because of what", "[results][summary]") {
    auto summary = example();
    summary.most_curtailed = {{.name = "pv_s48c_3", .share = 0.31, .binding_node = "66.C"},
                              {.name = "pv_s2b_1", .share = 0.25, .binding_node = "transformer xf_s2b"},
                              {.name = "pv_free", .share = 0.1}};

    auto const table = results::to_table(summary);

    CHECK_THAT(table, Catch::Contains("Given up most    pv_s48c_3 31.00 % because of 66.C\n"));
    CHECK_THAT(table, Catch::Contains("  pv_s2b_1 25.00 % because of transformer xf_s2b\n"));
    CHECK_THAT(table, Catch::Contains("  pv_free 10.00 %\n"));
}

TEST_CASE("the table of a feeder without DERs or figures has no nan", "[results][summary]") {
    Summary summary;
    summary.alpha_min = summary.v_max = summary.v_min = std::numeric_limits<double>::quiet_NaN();

    CHECK_THAT(results::to_table(summary), !Catch::Contains("nan"));
}

TEST_CASE("Jain and Gini equal their definitions", "[results][fairness]") {
    auto const seed = GENERATE(range(0U, 20U));
    std::mt19937 draw{seed};
    std::uniform_real_distribution<double> kept{0.0, 1.0};
    std::vector<double> x(1 + draw() % 200);
    for (auto& value : x) value = kept(draw);
    if (x.size() > 3) x[1] = 0.0, x[2] = x[3];
    CAPTURE(seed, x.size());

    CHECK(jain(x) == Approx(jain_by_definition(x)).epsilon(1e-13));
    CHECK(gini(x) == Approx(gini_by_definition(x)).epsilon(1e-12).margin(1e-15));
}

TEST_CASE("equal shares are perfectly fair to the last bit", "[results][fairness]") {
    auto const share = GENERATE(1.0, 0.1, 1.0 / 3.0, 1e-200);
    std::vector<double> const x(997, share);

    CHECK(jain(x) == 1.0);
    CHECK(gini(x) == 0.0);
}

TEST_CASE("nothing to share, or nobody, counts as fair", "[results][fairness]") {
    CHECK(jain({}) == 1.0);
    CHECK(gini({}) == 0.0);
    CHECK(jain({0.0, 0.0}) == 1.0);
    CHECK(gini({0.0, 0.0}) == 0.0);
}

TEST_CASE("one of n keeping everything gives 1/n and 1 - 1/n", "[results][fairness]") {
    std::vector<double> x(50, 0.0);
    x[7] = 3.0;

    CHECK(jain(x) == Approx(1.0 / 50.0));
    CHECK(gini(x) == Approx(49.0 / 50.0));
}
