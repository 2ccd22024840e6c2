#include "dec/results/tradeoff_file.hpp"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "tables.hpp"

namespace dec::results {

namespace {

using coordination::Alternative;
using coordination::Tradeoff;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// What is said of every answer, in the order of all outputs; NaN where there is none.
struct Figure {
    std::string_view name, unit;
    double (*of)(Alternative const&, Tradeoff const&);
};

/// What the answer exports less than the one that exports most, as a share of what that exports.
double price_of_fairness(Alternative const& answer, Tradeoff const& all) {
    for (auto const& other : all.policies)
        if (other.policy == "min-curtailment" && other.is_answer()) {
            double const most = other.burden.available_kw - other.burden.curtailed_kw;
            return most > 0.0 ? (answer.burden.curtailed_kw - other.burden.curtailed_kw) / most : nan;
        }
    return nan;
}

constexpr std::array figures{
    Figure{"curtailed_kw", "kW", [](Alternative const& a, Tradeoff const&) { return a.burden.curtailed_kw; }},
    Figure{"price_of_fairness", "1", price_of_fairness},
    Figure{"jain", "1", [](Alternative const& a, Tradeoff const&) { return a.burden.jain; }},
    Figure{"gini", "1", [](Alternative const& a, Tradeoff const&) { return a.burden.gini; }},
    Figure{"spread", "1", [](Alternative const& a, Tradeoff const&) { return a.burden.spread; }},
    Figure{"alpha_min", "1", [](Alternative const& a, Tradeoff const&) { return a.burden.alpha_min; }},
    Figure{"alpha_mean", "1", [](Alternative const& a, Tradeoff const&) { return a.burden.alpha_mean; }},
    Figure{"alpha_max", "1", [](Alternative const& a, Tradeoff const&) { return a.burden.alpha_max; }},
    Figure{"v_max", "pu", [](Alternative const& a, Tradeoff const&) { return a.v_max_pu; }}};

double value_of(Figure const& figure, Alternative const& answer, Tradeoff const& all) {
    return answer.is_answer() ? figure.of(answer, all) : nan;
}

std::string scope_of(Alternative const& answer) {
    return answer.scope ? std::string{fairness::to_text(*answer.scope)} : std::string{};
}

core::Json to_json(Alternative const& answer, Tradeoff const& all) {
    core::Json json = core::Json::object();
    if (answer.blend) json["blend"] = *answer.blend;
    else {
        json["policy"] = answer.policy;
        json["scope"] = answer.scope ? core::Json(scope_of(answer)) : core::Json();
    }
    json["status"] = std::string{coordination::to_text(answer.status)};
    json["iterations"] = answer.iterations;
    for (auto const& figure : figures) {
        double const value = value_of(figure, answer, all);
        json[std::string{figure.name}] = std::isnan(value) ? core::Json() : core::Json(value);
    }
    return json;
}

core::Json to_json(std::vector<Alternative> const& answers, Tradeoff const& all) {
    core::Json json = core::Json::array();
    for (auto const& answer : answers) json.push_back(to_json(answer, all));
    return json;
}

void write_answers(core::Communicator const& comm, core::Hdf5Writer& file, std::string const& group,
                   std::vector<Alternative> const& answers, Tradeoff const& all) {
    std::vector<std::int64_t> rows, iterations;
    std::vector<std::string> policy, scope, status;
    std::vector<double> blend;
    std::vector<std::vector<double>> values(figures.size());
    if (comm.is_root())
        for (auto const& answer : answers) {
            rows.push_back(static_cast<std::int64_t>(rows.size()));
            policy.push_back(answer.policy);
            scope.push_back(scope_of(answer));
            blend.push_back(answer.blend.value_or(nan));
            status.emplace_back(coordination::to_text(answer.status));
            iterations.push_back(answer.iterations);
            for (std::size_t i = 0; i < figures.size(); ++i) values[i].push_back(value_of(figures[i], answer, all));
        }
    std::vector<core::Column> columns;
    if (group == "/curve") columns.push_back({"blend", "1", std::move(blend)});
    else {
        columns.push_back({"policy", "", std::move(policy)});
        columns.push_back({"scope", "", std::move(scope)});
    }
    columns.push_back({"status", "", std::move(status)});
    columns.push_back({"iterations", "1", std::move(iterations)});
    for (std::size_t i = 0; i < figures.size(); ++i)
        columns.push_back({std::string{figures[i].name}, std::string{figures[i].unit}, std::move(values[i])});
    file.table(group, static_cast<std::int64_t>(answers.size()), rows, columns);
}

/// Shares of this rank's DERs: for each a row of one value per answer.
core::Column shares(std::string name, std::vector<Alternative> const& answers, std::size_t ders) {
    std::vector<double> values(ders * answers.size(), nan);
    for (std::size_t i = 0; i < answers.size(); ++i)
        for (std::size_t d = 0; d < answers[i].alpha.size(); ++d) values[d * answers.size() + i] = answers[i].alpha[d];
    return {std::move(name), "1", std::move(values), answers.size(), {answers.size()}};
}

void write_ders(core::Hdf5Writer& file, model::LinDist3Flow const& flow, Tradeoff const& tradeoff) {
    auto const& piece = flow.piece();
    std::vector<std::string> name, mrid, bus, agent;
    std::vector<double> available;
    for (auto id : piece.feeder.pv_systems.ids()) {
        auto const at = piece.feeder.pv_systems[id].inverter.bus;
        name.emplace_back(piece.feeder.pv_systems.name(id));
        mrid.emplace_back(piece.feeder.pv_systems.mrid(id));
        bus.emplace_back(piece.feeder.buses.name(at));
        agent.emplace_back(piece.agents.name(core::Index<partition::Agent>{piece.agent_of_bus[at.at()]}));
        available.push_back(flow.settings().per_unit.power_si(flow.ders()[id.at()].available) / 1000.0);
    }
    auto const ders = name.size();
    std::vector<core::Column> columns{{"name", "", std::move(name)},
                                      {"mrid", "", std::move(mrid)},
                                      {"bus", "", std::move(bus)},
                                      {"agent", "", std::move(agent)},
                                      {"available_kw", "kW", std::move(available)}};
    if (!tradeoff.policies.empty()) columns.push_back(shares("alpha_policies", tradeoff.policies, ders));
    if (!tradeoff.curve.empty()) columns.push_back(shares("alpha_curve", tradeoff.curve, ders));
    file.table("/ders", piece.totals.ders, piece.global.pv_systems, columns);
}

}  // namespace

Summary summary_of(core::Communicator const& comm, model::LinDist3Flow const& flow, Run const& run) {
    return summary_of_piece(comm, flow.piece(), run);
}

core::Json to_json(Tradeoff const& tradeoff, Summary const& sizes) {
    auto const all = to_json(sizes);
    core::Json json = core::Json::object();
    for (auto const* key : {"feeder", "buses", "nodes", "branches", "loads", "ders", "storages", "machines", "agents",
                            "areas", "ranks", "method"})
        json[key] = all[key];
    json["available_kw"] = tradeoff.available_kw;
    json["v_max_uncurtailed"] = tradeoff.v_max_uncurtailed_pu;
    json["common_share"] = tradeoff.curve.empty() ? core::Json() : core::Json(tradeoff.common_share);
    json["interrupted"] = tradeoff.interrupted;
    json["policies"] = to_json(tradeoff.policies, tradeoff);
    json["curve"] = to_json(tradeoff.curve, tradeoff);
    for (auto const* key : {"edge_cut", "imbalance", "peak_memory_mb", "seconds"}) json[key] = all[key];
    return json;
}

std::string to_table(Tradeoff const& tradeoff, Summary const& sizes) {
    auto text = fmt::format(
        "{}: {} DERs, {:.1f} kW available, {:.4f} pu uncurtailed\n\n"
        "                          curtailed   of all  price of   Jain    Gini  largest\n"
        "                                 kW        %  fairness                share\n",
        sizes.feeder, sizes.ders, tradeoff.available_kw, tradeoff.v_max_uncurtailed_pu);
    auto const add = [&](Alternative const& answer, std::string const& name) {
        if (!answer.is_answer()) {
            fmt::format_to(std::back_inserter(text), "{:<24} {}\n", name, coordination::to_text(answer.status));
            return;
        }
        auto const& burden = answer.burden;
        double const price = 100.0 * price_of_fairness(answer, tradeoff);
        fmt::format_to(std::back_inserter(text), "{:<24} {:>11.1f} {:>8.2f} {:>8.2f}% {:>7.4f} {:>7.4f} {:>7.2f}%\n",
                       name, burden.curtailed_kw,
                       burden.available_kw > 0.0 ? 100.0 * burden.curtailed_kw / burden.available_kw : 0.0,
                       std::abs(price) < 0.005 ? 0.0 : price, burden.jain, burden.gini, 100.0 * burden.alpha_max);
    };
    for (auto const& answer : tradeoff.policies)
        add(answer, answer.scope ? fmt::format("{} ({})", answer.policy, scope_of(answer)) : answer.policy);
    for (auto const& answer : tradeoff.curve) add(answer, fmt::format("blend {:.3f}", *answer.blend));
    return text;
}

std::string to_csv(Tradeoff const& tradeoff) {
    std::string text = "policy,scope,blend,status,iterations";
    for (auto const& figure : figures) text += fmt::format(",{}", figure.name);
    text += '\n';
    for (auto const* answers : {&tradeoff.policies, &tradeoff.curve})
        for (auto const& answer : *answers) {
            text += fmt::format("{},{},{},{},{}", answer.policy, scope_of(answer),
                                answer.blend ? fmt::format("{}", *answer.blend) : "",
                                coordination::to_text(answer.status), answer.iterations);
            for (auto const& figure : figures) {
                double const value = value_of(figure, answer, tradeoff);
                text += std::isnan(value) ? std::string{","} : fmt::format(",{}", value);
            }
            text += '\n';
        }
    return text;
}

void write_tradeoff(core::Communicator const& comm, std::string const& path, model::LinDist3Flow& flow,
                    Tradeoff const& tradeoff, Summary const& sizes, Run const& run) {
    core::Hdf5Writer file{comm, path};
    file.attributes("/", {{"format", std::string{tradeoff_format_name}},
                          {"format_version", tradeoff_format_version},
                          {"dec_version", run.version},
                          {"feeder", sizes.feeder},
                          {"ders", sizes.ders},
                          {"available_kw", tradeoff.available_kw},
                          {"v_max_uncurtailed", tradeoff.v_max_uncurtailed_pu},
                          {"common_share", tradeoff.curve.empty() ? nan : tradeoff.common_share},
                          {"interrupted", std::int64_t{tradeoff.interrupted ? 1 : 0}}});
    write_answers(comm, file, "/policies", tradeoff.policies, tradeoff);
    write_answers(comm, file, "/curve", tradeoff.curve, tradeoff);
    write_ders(file, flow, tradeoff);
    write_timing(comm, file, run);
    file.commit();
}

}  // namespace dec::results
