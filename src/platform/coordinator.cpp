#include "dec/platform/coordinator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "dec/coordination/correction.hpp"
#include "dec/core/error.hpp"
#include "dec/fairness/contracts.hpp"
#include "dec/partition/prepare.hpp"
#include "dec/results/answer_file.hpp"

namespace dec::platform {

namespace {

/// A system that exports this much less than it was told, of its rated power, has no more sun.
constexpr double sun_tolerance = 0.01;
/// Below this share nothing is curtailed.
constexpr double least_share = 1e-6;

double rated_w(feeder::PvSystem const& pv) {
    auto const& p = pv.inverter.p_w;
    return pv.max_p_w > 0.0 ? pv.max_p_w : std::max(pv.inverter.rated_va, p[0] + p[1] + p[2]);
}

std::string counted(Tally const& tally) {
    return fmt::format("{} measurement{} (such as {})", tally.count, tally.count == 1 ? "" : "s", tally.example);
}

/// Every rank's entries on every rank. Collective.
std::map<std::int64_t, double> everywhere(core::Communicator const& comm, std::vector<double> const& rows,
                                          std::vector<double> const& values) {
    auto const all_rows = comm.all_gather(rows);
    auto const all_values = comm.all_gather(values);
    std::map<std::int64_t, double> all;
    for (std::size_t i = 0; i < all_rows.size(); ++i)
        all.emplace(static_cast<std::int64_t>(all_rows[i]), all_values[i]);
    return all;
}

}  // namespace

Coordinator::Coordinator(core::Communicator const& comm, std::optional<feeder::Feeder> feeder, Settings settings,
                         core::Log const& log)
    : comm_{comm}, settings_{std::move(settings)}, log_{log}, base_{std::move(feeder)} {
    if (!base_) return;
    telemetry_.emplace(*base_);
    told_w_.assign(base_->pv_systems.size(), feeder::unknown);
}

void Coordinator::say(std::string const& kind, bool now, std::string const& text) {
    auto& before = said_[kind];
    if (now && !before) log_.warning(text);
    before = now;
}

// ---- a line

Coordinator::Next Coordinator::take(std::string_view line) {
    if (line.find_first_not_of(" \t\r\n") == std::string_view::npos) return Next::wait;
    SimulationOutput output;
    try {
        output = parse_output(line);
    } catch (core::InvalidInput const& error) {
        log_.warning("a message is ignored: " + core::one_line(error.findings().front()));
        return Next::wait;
    }
    if (output.command == "stop") return Next::stop;
    if (!output.command.empty()) {
        log_.warning(fmt::format("command \"{}\" is ignored; stop is known", output.command));
        return Next::wait;
    }
    if (!output.timestamp) {
        log_.warning("a message without message.timestamp is ignored");
        return Next::wait;
    }
    auto const time = *output.timestamp;
    if (!simulation_id_.empty() && !output.simulation_id.empty() && output.simulation_id != simulation_id_) {
        log_.warning(
            fmt::format("a message of simulation {} is ignored; this one is {}", output.simulation_id, simulation_id_));
        return Next::wait;
    }
    if (has_time_ && time == time_) {
        log_.warning(fmt::format("a second message of time {} is ignored", time));
        return Next::wait;
    }
    if (simulation_id_.empty()) simulation_id_ = output.simulation_id;
    auto const strange = telemetry_->take(output);
    say("strange", strange.count > 0, "of nothing that this feeder measures: " + counted(strange));
    say("unreadable", output.unreadable > 0,
        fmt::format("without a number, in the message of time {}: {} measurement{}", time, output.unreadable,
                    output.unreadable == 1 ? "" : "s"));
    if (has_time_ && time < time_) {
        log_.warning(
            fmt::format("a message of time {} is late, after {}: it fills gaps and is not answered", time, time_));
        return Next::wait;
    }
    time_ = time;
    has_time_ = true;
    return Next::answer;
}

// ---- the feeder as measured

feeder::Feeder Coordinator::feeder_now() {
    feeder::Feeder now = *base_;
    Freshness freshness;
    auto const export_w = telemetry_->apply(now, time_, settings_.max_age_s, freshness);
    look_at_sun(now, export_w);
    say("held", freshness.held.count > 0,
        fmt::format("not in the message of time {}, so that the last value is taken, up to {:g} s old: {}", time_,
                    freshness.oldest_s, counted(freshness.held)));
    say("expired", freshness.expired.count > 0,
        fmt::format(
            "older than {:g} s and not acted on, so that the feeder's own values are taken, of PV systems the rated "
            "power: {}",
            settings_.max_age_s, counted(freshness.expired)));
    say("silent", freshness.silent.count > 0,
        "not heard of so far, so that the feeder's own values are taken, of PV systems the rated power: " +
            counted(freshness.silent));
    say("implausible", freshness.implausible.count > 0,
        "positions that the device does not have, ignored: " + counted(freshness.implausible));
    return now;
}

/// What each system could export: what it does export where the sun is the limit. Where its last setpoint is, or nothing is seen, that may
/// be anything up to its rated power, which is taken: an answer must hold whatever the sun turns out to be. What was seen before it was
/// held back may be less than what comes once it no longer is.
void Coordinator::look_at_sun(feeder::Feeder& now, std::vector<double> const& export_w) {
    for (auto id : now.pv_systems.ids()) {
        auto& pv = now.pv_systems[id];
        double const told_w = told_w_[id.at()];
        double const rated = rated_w(pv), seen = export_w[id.at()];
        bool const sun_limits = seen < (std::isnan(told_w) ? rated : told_w - sun_tolerance * rated);
        double const available = sun_limits ? seen : std::max(rated, std::isnan(seen) ? 0.0 : seen);
        auto& p_w = pv.inverter.p_w;
        double const before = p_w[0] + p_w[1] + p_w[2];
        for (feeder::Phase phase : pv.inverter.phases.list()) {
            auto& p = p_w[feeder::slot(phase)];
            p = before > 0.0 ? p * available / before : available / static_cast<double>(pv.inverter.phases.size());
        }
    }
}

// ---- an answer

coordination::Settings::Start Coordinator::start_for(partition::Piece const& piece) const {
    coordination::Settings::Start start;
    for (auto const row : piece.global.pv_systems) {
        auto const share = alpha_.find(row);
        start.alpha.push_back(share == alpha_.end() ? 0.0 : share->second);
        auto const reactive = reactive_kvar_.find(row);
        start.reactive_kvar.push_back(reactive == reactive_kvar_.end() ? 0.0 : reactive->second);
    }
    start.price_low = price_low_;
    start.price_high = price_high_;
    return start;
}

void Coordinator::remember(partition::Piece const& piece, coordination::Answer const& answer) {
    std::vector<double> rows, shares, reactive;
    for (std::size_t i = 0; i < answer.alpha.size(); ++i) {
        if (!std::isfinite(answer.alpha[i])) continue;
        rows.push_back(static_cast<double>(piece.global.pv_systems[i]));
        shares.push_back(answer.alpha[i]);
    }
    alpha_ = everywhere(comm_, rows, shares);
    auto const prices = [&](std::vector<double> const& own) {
        std::vector<double> nodes, values;
        for (std::size_t i = 0; i < own.size(); ++i) {
            if (!(own[i] > 0.0)) continue;
            nodes.push_back(static_cast<double>(answer.nodes[i].row));
            values.push_back(own[i]);
        }
        return everywhere(comm_, nodes, values);
    };
    price_low_ = prices(answer.price_low);
    price_high_ = prices(answer.price_high);
    has_answer_ = true;
}

coordination::Answer Coordinator::solve(partition::Piece const& piece, std::vector<results::Order>& orders) {
    model::LinDist3Flow flow{comm_, piece, {.source_voltage_pu = settings_.source_voltage_pu}};
    auto settings = settings_.coordination;
    if (settings_.contracts) settings.contracts = fairness::read_contracts(comm_, *settings_.contracts, piece);
    if (has_answer_) settings.start = start_for(piece);
    std::optional<powerflow::PowerFlow> ac;
    if (settings_.correct) {
        ac.emplace(comm_, piece,
                   powerflow::Settings{.per_unit = flow.settings().per_unit,
                                       .source_voltage_pu = settings_.source_voltage_pu});
        static_cast<void>(ac->solve());
        settings.nodes = coordination::limits_to_start_with(comm_, flow, *ac, settings.limits);
    }
    auto const& method = *settings_.method;
    auto answer = method.run(comm_, flow, *settings_.policy, settings, {});
    if (ac && (exit_code(answer.status) == core::ExitCode::solved || answer.status == coordination::Status::infeasible))
        answer =
            coordination::correct_to_ac(comm_, flow, *ac, method, *settings_.policy, settings, {}, std::move(answer));
    bool const has_setpoints = answer.has_setpoints && (exit_code(answer.status) == core::ExitCode::solved ||
                                                        answer.status == coordination::Status::not_ac_feasible);
    if (!has_setpoints) return answer;
    remember(piece, answer);
    orders =
        results::gather_orders(comm_, results::orders(piece, results::setpoints(flow, answer), settings_.message_id));
    return answer;
}

core::Json Coordinator::message(std::vector<results::Order> orders) {
    constexpr double per_kw = 1e3;
    std::erase_if(orders, [](results::Order const& order) { return !std::isfinite(order.allowed_kw); });
    if (orders.empty()) return core::Json::object();
    for (auto& order : orders) {
        auto const row = static_cast<std::size_t>(order.row);
        double& told_w = told_w_[row];
        auto const& pv = base_->pv_systems.rows()[row];
        // Who need not be held back may also use what sun comes until the next message.
        bool const free = order.allowed_kw >= (1.0 - least_share) * order.available_kw;
        double const now_w = free ? std::max(rated_w(pv), order.available_kw * per_kw) : order.allowed_kw * per_kw;
        auto const& file = pv.inverter.p_w;
        order.available_kw = (std::isnan(told_w) ? file[0] + file[1] + file[2] : told_w) / per_kw;
        order.allowed_kw = now_w / per_kw;
        told_w = now_w;
    }
    auto message = results::difference_message(orders, time_, simulation_id_);
    if (!simulation_id_.empty()) message["input"]["simulation_id"] = simulation_id_;
    return message;
}

core::Json Coordinator::answer() {
    coordination::Answer answer;
    std::vector<results::Order> orders;
    std::string problem;
    try {
        std::optional<partition::Whole> whole;
        core::together(comm_, [&] {
            if (!comm_.is_root()) return;
            feeder::Notes notes;
            whole =
                partition::prepare(feeder_now(), settings_.method->grain, comm_.size(), feeder::Loops::refused, notes);
            for (auto const& warning : notes.warnings) say(warning, true, warning);
        });
        auto const piece = partition::distribute(comm_, whole);
        whole.reset();
        answer = solve(piece, orders);
        if (orders.empty() && exit_code(answer.status) != core::ExitCode::solved)
            problem = fmt::format("no setpoints for time {}: {}", time_, to_text(answer.status));
    } catch (core::Error const& error) {
        // As measured the feeder has a loop, say; the same on all ranks.
        if (error.code() != core::ExitCode::bad_input) throw;
        answer.status = coordination::Status::infeasible;
        problem = fmt::format("no setpoints for time {}: {}", time_, core::one_line(error.findings().front()));
    }
    if (!comm_.is_root()) return {};
    say("problem", !problem.empty(), problem + "; earlier ones hold");
    say("not ac feasible", answer.has_setpoints && answer.status == coordination::Status::not_ac_feasible,
        fmt::format("no setpoints were found for time {} that keep all limits by AC power flow; the best are given",
                    time_));
    core::Json line{{"answers", time_}, {"status", to_text(answer.status)}};
    auto difference = message(std::move(orders));
    for (auto& [key, value] : difference.items()) line[key] = std::move(value);
    return line;
}

}  // namespace dec::platform
