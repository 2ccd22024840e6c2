#include "dec/results/fleet_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <numeric>

#include "dec/core/text.hpp"
#include "dec/results/schema.hpp"

namespace dec::results {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// How the figures of feeders become one.
enum class Together : std::uint8_t { sum, least, largest };
struct Figure {
    std::string_view name;
    Together together;
};
constexpr std::array figures{
    Figure{"buses", Together::sum},
    Figure{"nodes", Together::sum},
    Figure{"branches", Together::sum},
    Figure{"loads", Together::sum},
    Figure{"ders", Together::sum},
    Figure{"storages", Together::sum},
    Figure{"machines", Together::sum},
    Figure{"agents", Together::sum},
    Figure{"areas", Together::sum},
    Figure{"iterations", Together::sum},
    Figure{"objective", Together::sum},
    Figure{"alpha_min", Together::least},
    Figure{"alpha_max", Together::largest},
    Figure{"available_kw", Together::sum},
    Figure{"curtailed_kw", Together::sum},
    Figure{"curtailed_kw_linear", Together::sum},
    Figure{"v_max_uncurtailed", Together::largest},
    Figure{"v_max", Together::largest},
    Figure{"v_min", Together::least},
    Figure{"v_max_ac", Together::largest},
    Figure{"v_min_ac", Together::least},
    Figure{"nodes_below_vmin", Together::sum},
    Figure{"violation", Together::largest},
    Figure{"ac_rounds", Together::largest},
};

/// Null where no answer has it. Added in the fleet's order.
core::Json together(FleetSummary const& fleet, Figure const& figure) {
    core::Json result;
    auto const name = std::string{figure.name};
    auto const join = [&]<class Value>(Value a, Value b) {
        switch (figure.together) {
            case Together::least: return std::min(a, b);
            case Together::largest: return std::max(a, b);
            default: return a + b;
        }
    };
    for (auto const& feeder : fleet.feeders) {
        if (!feeder.has_answer() || feeder.summary.at(name).is_null()) continue;
        auto const& value = feeder.summary.at(name);
        if (result.is_null()) result = value;
        else if (value.is_number_integer() && result.is_number_integer())
            result = join(result.get<std::int64_t>(), value.get<std::int64_t>());
        else result = join(result.get<double>(), value.get<double>());
    }
    return result;
}

core::Json common(FleetSummary const& fleet, std::string const& name) {
    for (auto const& feeder : fleet.feeders)
        if (feeder.has_answer()) return feeder.summary.at(name);
    return {};
}

std::string reason(FleetEntry const& feeder) {
    return feeder.findings.empty() ? std::string{} : one_line(feeder.findings.front());
}

std::string kilowatts(core::Json const& value) {
    return value.is_null() ? "-" : fmt::format("{:.1f} kW", value.get<double>());
}
std::string per_unit(core::Json const& value) {
    return value.is_null() ? "-" : fmt::format("{:.4f}", value.get<double>());
}
std::string percent(core::Json const& value) {
    return value.is_null() ? "-" : fmt::format("{:.2f} %", 100.0 * value.get<double>());
}

double real(FleetEntry const& feeder, char const* name) {
    if (!feeder.has_answer() || feeder.summary.at(name).is_null()) return nan;
    return feeder.summary.at(name).get<double>();
}

}  // namespace

std::string FleetEntry::status() const {
    if (has_answer()) return summary.at("status").is_null() ? "planned" : summary.at("status").get<std::string>();
    if (code == core::ExitCode::infeasible) return "infeasible";
    return code == core::ExitCode::interrupted || code == core::ExitCode::terminated ? "interrupted" : "failed";
}

core::ExitCode FleetSummary::code() const {
    auto const worst = std::ranges::max_element(feeders, {}, &FleetEntry::code);
    return worst == feeders.end() ? core::ExitCode::solved : worst->code;
}

std::int64_t FleetSummary::answers() const { return std::ranges::count_if(feeders, &FleetEntry::has_answer); }

std::string fleet_group(std::string const& name) { return "/feeders/" + name; }

core::Json to_json(FleetSummary const& fleet) {
    core::Json json{{"fleet", fleet.fleet},
                    {"feeders", fleet.feeders.size()},
                    {"answers", fleet.answers()},
                    {"exit_code", static_cast<int>(fleet.code())}};
    for (auto const* name : {"method", "policy", "scope"}) json[name] = common(fleet, name);
    for (auto const& figure : figures) json[std::string{figure.name}] = together(fleet, figure);
    json["ranks"] = fleet.ranks;
    json["peak_memory_mb"] = fleet.peak_memory_mb;
    json["seconds"] = fleet.seconds;
    auto& results = json["results"] = core::Json::array();
    for (auto const& feeder : fleet.feeders) {
        core::Json one{{"name", feeder.name},
                       {"source", feeder.source},
                       {"exit_code", static_cast<int>(feeder.code)},
                       {"status", feeder.status()},
                       {"error", feeder.findings.empty() ? core::Json() : core::Json(reason(feeder))}};
        if (feeder.has_answer()) one.update(feeder.summary);
        results.push_back(std::move(one));
    }
    return json;
}

std::string to_table(FleetSummary const& fleet) {
    auto const all = fleet.feeders.size();
    std::map<std::string, std::size_t> ends;
    for (auto const& feeder : fleet.feeders) ++ends[feeder.status()];
    std::string how;
    for (auto const& [status, count] : ends) how += fmt::format("{}{} {}", how.empty() ? "" : ", ", count, status);
    auto const figure = [&](std::string_view name) {
        return together(fleet, *std::ranges::find(figures, name, &Figure::name));
    };
    auto const count = [&](std::string_view name) {
        auto const value = figure(name);
        return value.is_null() ? std::int64_t{0} : value.get<std::int64_t>();
    };
    std::string text = fmt::format("{}: {} feeders: {}\n\n", core::printable(fleet.fleet), all, how);
    auto const line = [&](std::string_view label, std::string const& value) {
        text += fmt::format("  {:<17}{}\n", label, core::printable(value));
    };
    line("Curtailed",
         fmt::format("{} of {} available", kilowatts(figure("curtailed_kw")), kilowatts(figure("available_kw"))));
    line("Share of each", fmt::format("smallest {}, largest {} over {} DERs", percent(figure("alpha_min")),
                                      percent(figure("alpha_max")), count("ders")));
    line("Highest voltage",
         fmt::format("{} pu uncurtailed, {} pu with these setpoints, {} by AC power flow",
                     per_unit(figure("v_max_uncurtailed")), per_unit(figure("v_max")), per_unit(figure("v_max_ac"))));
    line("Feeders", fmt::format("{} buses, {} nodes, {} branches, {} loads", count("buses"), count("nodes"),
                                count("branches"), count("loads")));
    line("Time", fmt::format("{:.2f} s, {:.1f} feeders a second", fleet.seconds,
                             static_cast<double>(all) / std::max(fleet.seconds, 1e-9)));
    line("Machine", fmt::format("{} rank{}, at most {:.0f} MB each", fleet.ranks, fleet.ranks == 1 ? "" : "s",
                                fleet.peak_memory_mb));
    // Who curtails most; the rest is in the file.
    constexpr std::size_t most = 10;
    std::vector<FleetEntry const*> answered;
    for (auto const& feeder : fleet.feeders)
        if (feeder.has_answer()) answered.push_back(&feeder);
    std::ranges::stable_sort(answered, std::greater<>{},
                             [](auto const* feeder) { return real(*feeder, "curtailed_kw"); });
    if (answered.size() > most) answered.resize(most);
    if (answered.empty()) return text;
    text += fmt::format("\n  {:<30} {:<16} {:>14} {:>14} {:>10} {:>8}\n", all > most ? "largest curtailment" : "feeder",
                        "status", "curtailed", "available", "largest", "v_max");
    for (auto const* feeder : answered) {
        auto const& s = feeder->summary;
        text +=
            fmt::format("  {:<30} {:<16} {:>14} {:>14} {:>10} {:>8}\n", core::printable(feeder->name), feeder->status(),
                        kilowatts(s.at("curtailed_kw")), kilowatts(s.at("available_kw")), percent(s.at("alpha_max")),
                        per_unit(s.at("v_max_ac").is_null() ? s.at("v_max") : s.at("v_max_ac")));
    }
    return text;
}

void write_fleet(core::TableSink& file, FleetSummary const& fleet, Run const& run) {
    core::Attributes attributes{{"format", std::string{format_name}},
                                {"format_version", format_version},
                                {"dec_version", run.version},
                                {"fleet", fleet.fleet},
                                {"feeders", static_cast<std::int64_t>(fleet.feeders.size())},
                                {"answers", fleet.answers()},
                                {"exit_code", static_cast<std::int64_t>(fleet.code())},
                                {"method", run.method},
                                {"policy", run.policy},
                                {"scope", run.scope.value_or("")}};
    for (auto const& figure : figures) {
        auto const value = together(fleet, figure);
        auto& attribute = attributes[std::string{figure.name}];
        if (value.is_number_integer()) attribute = value.get<std::int64_t>();
        else attribute = value.is_null() ? nan : value.get<double>();
    }
    file.attributes("/", attributes);

    std::vector<std::int64_t> rows(fleet.feeders.size());
    std::iota(rows.begin(), rows.end(), std::int64_t{0});
    auto const total = static_cast<std::int64_t>(rows.size());
    auto const texts = [&](auto const& of) {
        std::vector<std::string> column;
        for (auto const& feeder : fleet.feeders) column.push_back(of(feeder));
        return column;
    };
    auto const reals = [&](char const* name) {
        std::vector<double> column;
        for (auto const& feeder : fleet.feeders) column.push_back(real(feeder, name));
        return column;
    };
    auto const integers = [&](auto const& of) {
        std::vector<std::int64_t> column;
        for (auto const& feeder : fleet.feeders) column.push_back(of(feeder));
        return column;
    };
    auto const counts = [&](char const* name) {
        return integers([&](FleetEntry const& feeder) {
            return feeder.has_answer() ? feeder.summary.at(name).get<std::int64_t>() : std::int64_t{0};
        });
    };
    std::vector<core::Column> columns{
        {"name", "", texts([](auto const& feeder) { return feeder.name; })},
        {"source", "", texts([](auto const& feeder) { return feeder.source; })},
        {"status", "", texts([](auto const& feeder) { return feeder.status(); })},
        {"exit_code", "1", integers([](auto const& feeder) { return static_cast<std::int64_t>(feeder.code); })},
        {"error", "", texts(reason)},
        {"buses", "1", counts("buses")},
        {"nodes", "1", counts("nodes")},
        {"ders", "1", counts("ders")},
        {"available_kw", "kW", reals("available_kw")},
        {"curtailed_kw", "kW", reals("curtailed_kw")},
        {"alpha_max", "1", reals("alpha_max")},
        {"v_max_uncurtailed", "pu", reals("v_max_uncurtailed")},
        {"v_max", "pu", reals("v_max")},
        {"v_max_ac", "pu", reals("v_max_ac")},
        {"violation", "pu", reals("violation")},
    };
    file.table("/fleet", total, rows, columns);
    std::vector<double> seconds;
    for (auto const& feeder : fleet.feeders) seconds.push_back(feeder.seconds);
    std::vector<core::Column> const effort{
        {"seconds", "s", std::move(seconds)},
        {"first_rank", "1", integers([](auto const& feeder) { return std::int64_t{feeder.first_rank}; })},
        {"ranks", "1", integers([](auto const& feeder) { return std::int64_t{feeder.ranks}; })},
    };
    file.table("/timing", total, rows, effort);
    file.attributes("/timing", {{"created", run.created},
                                {"command_line", run.command_line},
                                {"ranks", std::int64_t{fleet.ranks}},
                                {"machine", run.machine},
                                {"seconds_total", fleet.seconds},
                                {"peak_memory_mb", fleet.peak_memory_mb}});
}

}  // namespace dec::results
