/// solve_random_feeders FOLDER FIRST COUNT [WORD…]: random feeders, each with an upper limit that asks for little, half or nearly all of the
/// curtailment there is, and now and then for more, and what method exact makes of them. Words: policies (none: all); what is asked
/// of powers, any of `plain`, `reactive`, `factor`, `ratings`, `both` and `powers`, which is the four others (none: plain); and `rotate`: of
/// all these questions one for each feeder, the next for the next. For each it writes the program for other solvers (.npz, linear ones without
/// powers also as .mps) and the answer (.json) into the folder. What is no single program (lifo, one scalar) gets that of
/// min-curtailment, beside its dates or ramps.
#include <fmt/format.h>
#include <mpi.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>

#include "coordination/ramps.hpp"
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
    Question{"proportional", fairness::Scope::area}, Question{"proportional", fairness::Scope::feeder},
    Question{"equal-kw", fairness::Scope::feeder},   Question{"uniform-export", fairness::Scope::feeder}};
/// What else is decided or limited.
constexpr std::array<std::string_view, 5> of_powers{"plain", "reactive", "factor", "ratings", "both"};

/// Few dates, as many as DERs, or in between; for one feeder of four some exempt DERs and guaranteed exports.
std::vector<fairness::Contract> contracts_for(unsigned seed, model::LinDist3Flow const& flow, fairness::Levels levels,
                                              bool can_guarantee) {
    bool const dated = levels == fairness::Levels::oldest_first;
    bool const guaranteed = can_guarantee && seed % 4 == 3;
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

void ask(unsigned seed, feeder::Feeder const& feeder, Question const& question, std::string_view powers,
         std::string const& folder) {
    core::Communicator const alone{MPI_COMM_SELF};
    auto const spread = test::distributed(alone, feeder);
    auto const& policy = *fairness::find_policy(question.policy);
    auto settings = settings_for(seed, feeder, question.scope);
    auto const& table = spread->piece.feeder.pv_systems;
    bool const has_dates = policy.levels == fairness::Levels::oldest_first;
    bool const has_ramps = policy.cost == nullptr && policy.ramp != nullptr;
    settings.contracts =
        contracts_for(seed, *spread->flow, policy.levels, has_ramps || policy.levels != fairness::Levels::none);
    auto name = fmt::format("{}/{}-{}-{}", folder, seed, question.policy, to_text(question.scope));
    bool const plain = powers == "plain";
    if (!plain) name += fmt::format("-{}", powers);
    settings.reactive = powers == "reactive" || powers == "factor" || powers == "both";
    settings.power_factor = powers == "factor" || (powers == "both" && seed % 2 == 0) ? 0.9 : 0.0;
    settings.ratings =
        powers == "ratings" || powers == "both" ? coordination::Ratings::normal : coordination::Ratings::none;
    auto const program = results::export_program(
        alone, *spread->flow, has_dates || has_ramps ? *fairness::find_policy("min-curtailment") : policy, settings);
    results::write_npz(program, name + ".npz");
    if (plain && program.form.logs.empty() && program.form.program.P.nonZeros() == 0)
        results::write_mps(results::without_fixed(program), name + ".mps");

    auto const answer = coordination::exact_on_tree(alone, *spread->flow, policy, settings, {});
    core::Json alpha = core::Json::object(), date = core::Json::object(), reactive = core::Json::object(),
               ramp = core::Json::object();
    auto const ramps = has_ramps ? coordination::ramps_of(alone, *spread->flow, policy, settings.contracts).ders
                                 : std::vector<fairness::Ramp>{};
    for (auto id : table.ids()) {
        if (spread->flow->ders()[id.at()].available <= 0.0) continue;
        alpha[std::string{table.name(id)}] = answer.alpha[id.at()];
        if (has_ramps && std::isfinite(ramps[id.at()].end))
            ramp[std::string{table.name(id)}] = {ramps[id.at()].start, ramps[id.at()].end, ramps[id.at()].most};
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
                                                {"ramp", ramp},
                                                {"reactive", reactive},
                                                {"alpha", alpha}}
                                         .dump());
}

}  // namespace

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    std::vector<std::string_view> const chosen(argv + std::min(argc, 4), argv + argc);
    if (argc < 4) {
        fmt::print(stderr, "usage: solve_random_feeders FOLDER FIRST COUNT [POLICY | POWERS | powers | rotate]...\n");
        return 2;
    }
    auto const has = [&](std::string_view word) { return std::ranges::find(chosen, word) != chosen.end(); };
    struct Asked {
        Question question;
        std::string_view powers;
    };
    std::vector<Asked> asked;
    bool const any_policy = std::ranges::none_of(questions, [&](auto const& q) { return has(q.policy); });
    bool const any_powers = has("powers") || std::ranges::any_of(of_powers, has);
    for (auto const powers : of_powers)
        for (auto const& question : questions)
            if ((any_policy || has(question.policy)) &&
                (has(powers) || (powers == "plain" ? !any_powers : has("powers"))))
                asked.push_back({question, powers});
    auto const first = static_cast<unsigned>(std::atoi(argv[2])), count = static_cast<unsigned>(std::atoi(argv[3]));
    for (unsigned seed = first; seed < first + count; ++seed) {
        auto const feeder = test::random_feeder(
            {.seed = seed, .branches = 8 + static_cast<int>(seed % 5) * 4, .voltage_dependent = seed % 3 != 0});
        auto const rated = test::with_ratings(feeder, seed);
        for (std::size_t q = 0; q < asked.size(); ++q)
            if (!has("rotate") || q == seed % asked.size())
                ask(seed, asked[q].powers == "plain" ? feeder : rated, asked[q].question, asked[q].powers, argv[1]);
    }
    MPI_Finalize();
    return 0;
}
