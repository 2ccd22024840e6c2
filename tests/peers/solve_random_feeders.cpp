/// solve_random_feeders FOLDER FIRST COUNT [rotate | powers | POLICY…]: random feeders, each with an upper limit that asks for little, half or
/// nearly all of the curtailment there is, and now and then for more; solved under every policy (with `rotate` under one, the next for
/// each feeder, with `powers` too, but with reactive power, with ratings, or both). For each it writes the program for other solvers (.npz, linear ones also as .mps) and the answer of method exact
/// (.json) into the folder. lifo is no single program: beside its dates it gets that of min-curtailment.
#include <fmt/format.h>
#include <mpi.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>

#include "dec/coordination/exact.hpp"
#include "dec/core/json.hpp"
#include "dec/core/output_file.hpp"
#include "dec/results/exported_program.hpp"
#include "reference/brute_force.hpp"
#include "support/coordinated.hpp"
#include "support/random_feeder.hpp"
#include "support/rated_feeder.hpp"

using namespace dec;

namespace {

struct Question {
    std::string_view policy;
    fairness::Scope scope;
};
constexpr std::array questions{
    Question{"quadratic", fairness::Scope::feeder},  Question{"min-curtailment", fairness::Scope::feeder},
    Question{"nash", fairness::Scope::feeder},       Question{"min-max", fairness::Scope::feeder},
    Question{"lifo", fairness::Scope::feeder},       Question{"proportional", fairness::Scope::agent},
    Question{"proportional", fairness::Scope::area}, Question{"proportional", fairness::Scope::feeder}};

/// Of policies with levels. Few dates, as many as DERs, or in between; for one feeder of four some exempt DERs and guaranteed exports.
std::vector<fairness::Contract> contracts_for(unsigned seed, model::LinDist3Flow const& flow, fairness::Levels levels) {
    bool const dated = levels == fairness::Levels::oldest_first;
    bool const guaranteed = levels != fairness::Levels::none && seed % 4 == 3;
    std::vector<fairness::Contract> contracts(dated || guaranteed ? flow.ders().size() : 0);
    std::mt19937 random{seed};
    std::int64_t const days = seed % 3 == 0 ? 3 : seed % 3 == 1 ? 10 : 100000;
    for (std::size_t d = 0; d < contracts.size(); ++d) {
        if (dated) contracts[d].connected = std::uniform_int_distribution<std::int64_t>{1, days}(random);
        if (!guaranteed) continue;
        double const available_kw = flow.settings().per_unit.power_si(flow.ders()[d].available) / 1000.0;
        contracts[d].exempt = std::uniform_int_distribution{0, 9}(random) == 0;
        contracts[d].floor_kw = std::max(0.0, std::uniform_real_distribution{-0.5, 0.5}(random)) * available_kw;
    }
    return contracts;
}

coordination::Settings settings_for(unsigned seed, feeder::Feeder const& feeder, fairness::Scope scope) {
    constexpr std::array shares{0.8, 0.5, 0.2, -0.1, 0.6, 0.35, 0.9};
    return {.limits = {.v_min_pu = seed % 4 == 0 ? 0.97 : 0.9,
                       .v_max_pu = test::limit_between(test::DenseTwin{feeder}, shares[seed % shares.size()])},
            .max_iterations = 5000,
            .tolerance = 1e-9,
            .scope = scope};
}

void ask(unsigned seed, feeder::Feeder const& feeder, Question const& question, bool powers,
         std::string const& folder) {
    core::Communicator const alone{MPI_COMM_SELF};
    auto const spread = test::distributed(alone, feeder);
    auto const& policy = *fairness::find_policy(question.policy);
    auto settings = settings_for(seed, feeder, question.scope);
    auto const& table = spread->piece.feeder.pv_systems;
    bool const has_dates = policy.levels == fairness::Levels::oldest_first;
    settings.contracts = contracts_for(seed, *spread->flow, policy.levels);
    auto name = fmt::format("{}/{}-{}-{}", folder, seed, question.policy, to_text(question.scope));
    if (powers) {
        settings.reactive = seed % 3 != 1;
        settings.power_factor = settings.reactive && seed % 2 == 0 ? 0.9 : 0.0;
        settings.ratings = seed % 3 != 0 ? coordination::Ratings::normal : coordination::Ratings::none;
        name += "-powers";
    }
    auto const program = results::export_program(
        alone, *spread->flow, has_dates ? *fairness::find_policy("min-curtailment") : policy, settings);
    results::write_npz(program, name + ".npz");
    if (!powers && program.form.logs.empty() && program.form.program.P.nonZeros() == 0)
        results::write_mps(results::without_fixed(program), name + ".mps");

    auto const answer = coordination::exact_on_tree(alone, *spread->flow, policy, settings, {});
    core::Json alpha = core::Json::object(), date = core::Json::object(), reactive = core::Json::object();
    for (auto id : table.ids()) {
        if (spread->flow->ders()[id.at()].available <= 0.0) continue;
        alpha[std::string{table.name(id)}] = answer.alpha[id.at()];
        if (has_dates) date[std::string{table.name(id)}] = *settings.contracts[id.at()].connected;
    }
    // What all upper limits together are worth per pu.
    double price = 0.0;
    for (double const of_node : answer.price_high) price += of_node;
    for (auto id : table.ids())
        if (!answer.reactive.empty() && std::isfinite(answer.reactive[id.at()]))
            reactive[std::string{table.name(id)}] = {answer.reactive[id.at()] / spread->flow->ders()[id.at()].rated,
                                                     spread->flow->ders()[id.at()].rated * 1000.0};
    core::write_file(name + ".json", core::Json{{"status", coordination::to_text(answer.status)},
                                                {"v_max_pu", settings.limits.v_max_pu},
                                                {"price_high", price},
                                                {"objective", answer.objective},
                                                {"iterations", answer.iterations},
                                                {"gap", answer.duality_gap.value_or(-1.0)},
                                                {"open", answer.open},
                                                {"levels", answer.levels.value_or(-1)},
                                                {"date", date},
                                                {"reactive", reactive},
                                                {"alpha", alpha}}
                                         .dump());
}

}  // namespace

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    std::vector<std::string_view> const chosen(argv + std::min(argc, 4), argv + argc);
    if (argc < 4) {
        fmt::print(stderr, "usage: solve_random_feeders FOLDER FIRST COUNT [rotate | powers | POLICY...]\n");
        return 2;
    }
    auto const first = static_cast<unsigned>(std::atoi(argv[2])), count = static_cast<unsigned>(std::atoi(argv[3]));
    for (unsigned seed = first; seed < first + count; ++seed) {
        auto feeder = test::random_feeder(
            {.seed = seed, .branches = 8 + static_cast<int>(seed % 5) * 4, .voltage_dependent = seed % 3 != 0});
        bool const powers = std::ranges::find(chosen, "powers") != chosen.end();
        if (powers) feeder = test::with_ratings(std::move(feeder), seed);
        for (std::size_t q = 0; q < questions.size(); ++q) {
            bool const rotates = powers || std::ranges::find(chosen, "rotate") != chosen.end();
            if (chosen.empty() || (rotates && q == seed % questions.size()) ||
                std::ranges::find(chosen, questions[q].policy) != chosen.end())
                ask(seed, feeder, questions[q], powers, argv[1]);
        }
    }
    MPI_Finalize();
    return 0;
}
