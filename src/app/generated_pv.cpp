#include "generated_pv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "dec/coordination/limits.hpp"
#include "dec/core/error.hpp"
#include "dec/powerflow/power_flow.hpp"
#include "open_feeder.hpp"
#include "signals.hpp"

namespace dec::app {

namespace {

using synthesis::Generator;

constexpr double accuracy_pu = 1e-4;
constexpr double worth_a_look_pu = 0.004;  // below the target: nearer feeders are looked at by AC power flow
constexpr int most_rounds = 8;

/// Squared voltage as a function of the factor.
struct Ray {
    double without = 0.0, rise = 0.0;
    [[nodiscard]] double at(double factor) const { return without + factor * rise; }
};

/// Those of the rays that are highest somewhere at factors from zero on, by increasing rise.
std::vector<Ray> envelope(std::vector<Ray> rays) {
    std::ranges::sort(rays, [](Ray const& a, Ray const& b) {
        return a.rise < b.rise || (a.rise == b.rise && a.without > b.without);
    });
    std::vector<Ray> kept;
    // Where `b` overtakes `a`, which rises less.
    auto const crossing = [](Ray const& a, Ray const& b) { return (a.without - b.without) / (b.rise - a.rise); };
    for (auto const& ray : rays) {
        if (!kept.empty() && kept.back().rise == ray.rise) continue;
        while (!kept.empty() && kept.back().without <= ray.without) kept.pop_back();
        while (kept.size() > 1 && crossing(kept.back(), ray) <= crossing(kept[kept.size() - 2], kept.back()))
            kept.pop_back();
        kept.push_back(ray);
    }
    return kept;
}

/// What is known of one feeder.
struct Curve {
    std::vector<Ray> nodes;        // of the feeder alone
    Ray bus;                       // where feeders of a network meet, alone
    Ray shift;                     // what the others do to it
    std::optional<double> excess;  // AC over linear, pu, at the last factor looked at

    [[nodiscard]] double highest_sq(double factor, Ray const& moved) const {
        double highest = 0.0;
        for (auto const& ray : nodes) highest = std::max(highest, ray.at(factor));
        return highest + moved.at(factor);
    }
    [[nodiscard]] double highest_pu(double factor) const { return std::sqrt(highest_sq(factor, shift)); }
    /// Where the highest reaches a voltage; infinite if it never does.
    [[nodiscard]] double factor_for(double target_pu) const {
        double factor = std::numeric_limits<double>::infinity();
        for (auto const& ray : nodes) {
            double const rise = ray.rise + shift.rise;
            if (rise > 0.0) factor = std::min(factor, (target_pu * target_pu - ray.without - shift.without) / rise);
        }
        return factor;
    }
};

Curve linear_curve(feeder::Feeder const& feeder) {
    core::Communicator const self{MPI_COMM_SELF};
    auto const piece = whole_on_one_rank(feeder);
    model::LinDist3Flow flow{self, piece, {}};
    model::FlowState with, change;
    std::vector<double> share(flow.ders().size(), 0.0);
    flow.solve(share, with);
    share.assign(share.size(), 1.0);
    flow.solve_change(share, change);
    Curve curve;
    std::vector<Ray> rays;
    for (auto const& node : coordination::limited_nodes(piece, {}, with)) {
        double const rise = -coordination::seen(piece, change, node);
        rays.push_back({coordination::seen(piece, with, node) - rise, rise});
    }
    curve.nodes = envelope(std::move(rays));
    auto const head = 3 * static_cast<std::size_t>(piece.vertex_of_bus.front());
    for (std::size_t phase = 0; phase < 3; ++phase) {
        curve.bus.rise -= change.v_sq[head + phase] / 3.0;
        curve.bus.without += (with.v_sq[head + phase] + change.v_sq[head + phase]) / 3.0;
    }
    return curve;
}

/// Highest voltage of the AC power flow of a feeder alone; nothing if there is none.
std::optional<double> highest_ac_pu(feeder::Feeder const& feeder, double factor) {
    core::Communicator const self{MPI_COMM_SELF};
    auto const piece = whole_on_one_rank(feeder);
    powerflow::PowerFlow flow{self, piece, {.pv_scale = factor, .solver = powerflow::SolverChoice::tree}};
    if (flow.solve().status != powerflow::Status::converged) return std::nullopt;
    double highest = 0.0;
    for (std::size_t vertex = 0; vertex < piece.own; ++vertex)
        for (auto phase : piece.vertices[vertex].phases.list()) {
            double const v_pu = std::abs(seen_voltage(flow, vertex, phase));
            if (v_pu > highest) highest = v_pu;
        }
    return highest;
}

core::InvalidInput refusal(std::string problem, std::string remedy) {
    return core::InvalidInput{core::Finding{{}, "--target-vmax", std::move(problem), std::move(remedy)}};
}

class Search {
  public:
    Search(core::Communicator const& comm, Generator const& generator, double target_pu)
        : comm_{comm}, generator_{generator}, target_pu_{target_pu}, own_{own_feeders(comm, generator)} {}

    double run() {
        find_curves();
        share_the_bus();
        require_below_target();
        double factor = next_factor();
        if (!std::isfinite(factor)) throw refusal("the PV raises no voltage", "ask for more with --pv-penetration");
        for (int round = 0; round < most_rounds; ++round) {
            look_at_ac(factor);
            double highest = 0.0;
            for (auto const& curve : curves_)
                highest = std::max(highest, curve.highest_pu(factor) + curve.excess.value_or(typical_excess_));
            if (std::abs(comm_.max(highest) - target_pu_) <= accuracy_pu) break;
            factor = next_factor();
        }
        return factor;
    }

  private:
    void find_curves() {
        core::together(comm_, [&] {
            for (auto number = own_.first; number < own_.last && signal_received() == 0; ++number)
                curves_.push_back(linear_curve(generator_.alone(number)));
        });
        stop_if_asked(comm_, "looking for the PV that was asked for");
    }

    /// The current through the source is the sum of all feeders', and its impedance that much smaller than the one each has
    /// alone: the bus has the mean of the voltages it would have with each alone.
    void share_the_bus() {
        if (generator_.is_region()) return;
        Ray sum;
        for (auto const& curve : curves_) {
            sum.without += curve.bus.without;
            sum.rise += curve.bus.rise;
        }
        auto const feeders = static_cast<double>(generator_.feeders());
        Ray const mean{comm_.sum(sum.without) / feeders, comm_.sum(sum.rise) / feeders};
        for (auto& curve : curves_) curve.shift = {mean.without - curve.bus.without, mean.rise - curve.bus.rise};
    }

    void require_below_target() const {
        double highest = 0.0;
        for (auto const& curve : curves_) highest = std::max(highest, curve.highest_pu(0.0));
        highest = comm_.max(highest);
        if (highest > target_pu_)
            throw refusal(fmt::format("the highest voltage is {:.4f} pu without PV", highest),
                          "ask for more than that");
    }

    [[nodiscard]] double next_factor() const {
        double factor = std::numeric_limits<double>::infinity();
        for (auto const& curve : curves_)
            factor = std::min(factor, curve.factor_for(target_pu_ - curve.excess.value_or(typical_excess_)));
        return comm_.min(factor);
    }

    void look_at_ac(double factor) {
        double sum = 0.0, seen = 0.0;
        bool solved = true;
        core::together(comm_, [&] {
            for (auto number = own_.first; number < own_.last && signal_received() == 0; ++number) {
                auto& curve = curves_[static_cast<std::size_t>(number - own_.first)];
                double const expected = curve.highest_pu(factor) + curve.excess.value_or(typical_excess_);
                if (expected < target_pu_ - worth_a_look_pu) continue;
                auto const highest = highest_ac_pu(generator_.alone(number), factor);
                solved = solved && highest;
                if (!highest) continue;
                curve.excess = *highest - std::sqrt(curve.highest_sq(factor, {}));
                sum += *curve.excess;
                seen += 1.0;
            }
        });
        stop_if_asked(comm_, "looking for the PV that was asked for");
        if (comm_.max(std::int64_t{solved ? 0 : 1}) != 0)
            throw refusal(fmt::format("{} pu: no AC power flow exists with so much PV", target_pu_), "ask for less");
        double const all = comm_.sum(sum), count = comm_.sum(seen);
        if (count > 0.0) typical_excess_ = all / count;
    }

    core::Communicator comm_;
    Generator const& generator_;
    double target_pu_;
    FeederRange own_;
    std::vector<Curve> curves_;    // of own feeders
    double typical_excess_ = 0.0;  // for those that have not been looked at
};

}  // namespace

FeederRange own_feeders(core::Communicator const& comm, Generator const& generator) {
    auto const begin = [&](std::int64_t rank) { return rank * generator.feeders() / comm.size(); };
    return {begin(comm.rank()), begin(comm.rank() + 1)};
}

double pv_scale_for(core::Communicator const& comm, Generator const& generator, double target_pu) {
    if (generator.options().pv_penetration == 0.0)
        throw refusal("there is no PV to scale", "ask for a larger --pv-penetration");
    return Search{comm, generator, target_pu}.run();
}

}  // namespace dec::app
