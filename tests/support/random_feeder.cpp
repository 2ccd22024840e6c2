#include "support/random_feeder.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include "support/feeder_maker.hpp"

namespace dec::test {

using namespace feeder;

namespace {

constexpr auto N = Conductor::neutral;
constexpr double medium_v = 12470.0, low_v = 4160.0, leg_base_v = 208.0 / std::numbers::sqrt3;

std::vector<Phase> listed(PhaseSet phases) {
    auto const list = phases.list();
    return {list.begin(), list.end()};
}
Conductor conductor(Phase p) { return static_cast<Conductor>(static_cast<int>(p) + 1); }

class Growing {
  public:
    explicit Growing(RandomFeeder const& wanted)
        : wanted_{wanted}, generator_{wanted.seed}, make_{"random " + std::to_string(wanted.seed)} {}

    Feeder grow() {
        auto const head = new_place("head", medium_v / std::numbers::sqrt3, PhaseSet::abc(), false);
        make_.source(head.bus, between(1.0, 1.03), {between(0.05, 0.3), between(0.2, 1.0)}, {0.2, between(0.3, 1.5)});
        // Each kind once, then whatever comes.
        std::vector<int> kinds{0, 1, 2, 3, 4, 5, 6, 7};
        std::shuffle(kinds.begin(), kinds.end(), generator_);
        for (int i = 0; i < wanted_.branches; ++i) {
            bool const first_round = i % 2 == 1 && !kinds.empty();
            int const kind = first_round ? kinds.back() : std::max(0, whole(-8, 7));
            if (first_round) kinds.pop_back();
            add_branch(kind);
        }
        for (std::size_t i = 1; i < places_.size(); ++i) add_devices(places_[i]);
        for (std::size_t i = 1, count = places_.size(); i < count; ++i)
            if (chance(0.5)) add_secondary(places_[i]);
        make_.pv(head.bus, {Phase::b}, {Complex{}, Complex{}, Complex{}}, Connection::wye, "pv with nothing available");
        return make_.finish();
    }

  private:
    struct Place {
        FeederMaker::BusId bus;
        double base_v = 0.0;
        PhaseSet phases;
        bool floating = false;
    };

    double between(double low, double high) { return std::uniform_real_distribution{low, high}(generator_); }
    int whole(int low, int high) { return std::uniform_int_distribution{low, high}(generator_); }
    bool chance(double share) { return between(0.0, 1.0) < share; }

    Place new_place(std::string const& name, double base_v, PhaseSet phases, bool floating) {
        Place const place{make_.bus(name, base_v), base_v, phases, floating};
        places_.push_back(place);
        return place;
    }
    /// Nominal voltages may differ along a line, as they do where a file rounds them.
    Place after(Place const& up, PhaseSet phases) {
        double const nominal = chance(0.15) ? between(0.98, 1.02) : 1.0;
        return new_place("bus " + std::to_string(places_.size()), nominal * up.base_v, phases, up.floating);
    }
    void maybe_tap(Index<Transformer> unit, int windings) {
        if (chance(0.3))
            make_.tap(unit, static_cast<std::uint8_t>(whole(0, windings - 1)), 1.0 + 0.00625 * whole(-3, 3));
    }
    /// Some of a place's phases; of a floating place two or all.
    PhaseSet some_of(Place const& place) {
        auto list = listed(place.phases);
        std::shuffle(list.begin(), list.end(), generator_);
        auto const least = place.floating ? std::min<int>(2, static_cast<int>(list.size())) : 1;
        list.resize(static_cast<std::size_t>(chance(0.5) ? static_cast<int>(list.size())
                                                         : whole(least, static_cast<int>(list.size()))));
        PhaseSet set;
        for (Phase p : list) set.insert(p);
        return set;
    }
    Phase one_of(PhaseSet set) {
        return listed(set)[static_cast<std::size_t>(whole(0, static_cast<int>(set.size()) - 1))];
    }

    /// Symmetric, passive: a line of some hundred metres to some kilometres.
    LineImpedance impedance(std::size_t n) {
        double const km = between(0.1, 1.2);
        LineImpedance z(n, std::vector<Complex>(n));
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t k = 0; k <= i; ++k)
                z[i][k] = z[k][i] = km * (i == k ? Complex{between(0.25, 0.6), between(0.6, 0.9)}
                                                 : Complex{between(0.03, 0.1), between(0.2, 0.4)});
        return z;
    }
    void add_line(Place const& up, Place const& down) {
        auto order = listed(down.phases);
        std::shuffle(order.begin(), order.end(), generator_);
        bool const reversed = chance(0.4);
        make_.line(reversed ? down.bus : up.bus, reversed ? up.bus : down.bus, order, impedance(order.size()));
    }

    void add_branch(int kind) {
        std::vector<Place> fit;
        bool const three = kind >= 4, grounded = kind == 2 || kind == 6;
        for (auto const& place : places_)
            if ((!three || place.phases == PhaseSet::abc()) && (!grounded || !place.floating)) fit.push_back(place);
        auto const up = fit[static_cast<std::size_t>(whole(0, static_cast<int>(fit.size()) - 1))];
        switch (kind) {
            case 1: return add_switch(up);
            case 2: return add_regulators(up);
            case 3: return add_open_end(up);
            case 4: return add_transformer(up);
            case 5: return add_floating(up);
            case 6: return add_three_windings(up);
            case 7: return add_compensator(up);
            default: add_line(up, after(up, some_of(up)));
        }
    }
    void add_switch(Place const& up) {
        auto const down = after(up, some_of(up));
        make_.link(up.bus, down.bus, down.phases);
        add_line(down, after(down, some_of(down)));
    }
    void add_open_end(Place const& up) {
        auto const number = std::to_string(make_.feeder.buses.size());
        Place const dark{make_.bus("dark " + number, up.base_v), up.base_v, up.phases, up.floating};
        make_.link(dark.bus, up.bus, up.phases, false);
        make_.load(dark.bus, up.phases, {Complex{1e5, 1e5}, Complex{1e5, 1e5}, Complex{1e5, 1e5}});
        auto const p = one_of(up.phases);
        PerPhaseComplex va{};
        va[slot(p)] = 5e5;
        make_.pv(dark.bus, {p}, va, Connection::wye, "pv in the dark " + number);
    }
    void add_regulators(Place const& up) {
        auto const down = after(up, some_of(up));
        bool const ideal = chance(0.4);
        for (Phase p : down.phases.list()) {
            auto const code = make_.code(
                two_windings(1, up.base_v, up.base_v, ideal ? Complex{} : Complex{0.02, between(0.05, 0.3)}));
            Seat const in{up.bus, {conductor(p), N}}, out{down.bus, {conductor(p), N}};
            bool const reversed = chance(0.3);
            auto const unit = make_.unit(code, reversed ? std::vector{out, in} : std::vector{in, out});
            make_.tap(unit, static_cast<std::uint8_t>(whole(0, 1)), 1.0 + 0.00625 * whole(-3, 3));
        }
        add_line(down, after(down, some_of(down)));
    }
    /// Any connection and clock whose downstream side is grounded wye, or (`add_floating`) delta.
    void add_three_phase(Place const& up, Connection down_connection, int clock, Connection up_connection) {
        double const down_v = up.base_v < 1.2 * low_v / std::numbers::sqrt3 ? medium_v : low_v;
        auto const down = new_place("bus " + std::to_string(places_.size()), down_v / std::numbers::sqrt3,
                                    PhaseSet::abc(), down_connection == Connection::delta);
        double const up_v = up.base_v * std::numbers::sqrt3;
        auto row = two_windings(3, up_v * between(0.98, 1.02), down_v,
                                Complex{0.01, 0.06} * (up_v * up_v / between(2e6, 6e6)));
        row.winding[0].connection = up_connection;
        row.winding[1].connection = down_connection;
        row.winding[1].clock = static_cast<std::int8_t>(clock);
        auto const seat = [](Place const& place) {
            return Seat{place.bus, {Conductor::a, Conductor::b, Conductor::c, N}};
        };
        if (chance(0.3)) {
            std::swap(row.winding[0], row.winding[1]);
            row.winding[0].clock = 0;
            row.winding[1].clock = static_cast<std::int8_t>((12 - clock) % 12);
            row.short_circuit[0].r_ohm *= down_v * down_v / (up_v * up_v);
            row.short_circuit[0].x_ohm *= down_v * down_v / (up_v * up_v);
            maybe_tap(make_.unit(make_.code(row), {seat(down), seat(up)}), 2);
        } else {
            maybe_tap(make_.unit(make_.code(row), {seat(up), seat(down)}), 2);
        }
        add_line(down, after(down, some_of(down)));
    }
    void add_transformer(Place const& up) {
        static constexpr std::array odd{1, 5, 7, 11}, even{0, 4, 6, 8};
        bool const delta = up.floating || chance(0.6);
        add_three_phase(up, Connection::wye, (delta ? odd : even)[static_cast<std::size_t>(whole(0, 3))],
                        delta ? Connection::delta : Connection::wye);
    }
    void add_floating(Place const& up) {
        static constexpr std::array odd{1, 5, 7, 11}, even{0, 4, 6, 8};
        bool const delta = up.floating || chance(0.5);
        add_three_phase(up, Connection::delta, (delta ? even : odd)[static_cast<std::size_t>(whole(0, 3))],
                        delta ? Connection::delta : Connection::wye);
    }
    void add_three_windings(Place const& up) {
        std::array<double, 3> const rated{up.base_v * std::numbers::sqrt3, 2400.0, 480.0 * std::numbers::sqrt3 * 2.0};
        double const ohm = rated[0] * rated[0] / 4e6, ohm2 = rated[1] * rated[1] / 4e6;
        auto const row = three_windings(
            3, rated, {Complex{0.004, 0.05} * ohm, Complex{0.006, 0.08} * ohm, Complex{0.005, 0.01} * ohm2});
        std::vector<Seat> seats{{up.bus, {Conductor::a, Conductor::b, Conductor::c, N}}};
        for (std::size_t w : {1U, 2U}) {
            auto const down = new_place("bus " + std::to_string(places_.size()), rated[w] / std::numbers::sqrt3,
                                        PhaseSet::abc(), false);
            seats.push_back({down.bus, {Conductor::a, Conductor::b, Conductor::c, N}});
        }
        maybe_tap(make_.unit(make_.code(row), seats), 3);
    }
    void add_compensator(Place const& up) {
        auto const down = after(up, PhaseSet::abc());
        make_.feeder.series_compensators.add(
            {.from = up.bus, .to = down.bus, .r_ohm = 0.02, .x_ohm = between(-0.3, 0.3), .r0_ohm = 0.04, .x0_ohm = 0.2},
            "compensator " + std::to_string(places_.size()));
    }

    Complex power(double kw) { return 1e3 * kw * Complex{between(0.3, 1.0), between(-0.1, 0.4)}; }
    Index<LoadModel> some_model() {
        if (!wanted_.voltage_dependent || chance(0.4)) return {};
        if (chance(0.3))
            return make_.load_model(
                {.exponential = true, .p_exponent = between(0.0, 2.0), .q_exponent = between(0.5, 4.0)});
        double const z = between(0.0, 0.6), i = between(0.0, 0.4);
        return make_.load_model({.p_impedance = z,
                                 .p_current = i,
                                 .p_power = 1.0 - z - i,
                                 .q_impedance = i,
                                 .q_current = z,
                                 .q_power = 1.0 - z - i});
    }
    /// Places of devices between phases at this bus: those whose two phases are there.
    static PhaseSet pairs(PhaseSet phases) {
        PhaseSet set;
        for (Phase p : phases.list())
            if (phases.contains(delta_pair(p)[1])) set.insert(p);
        return set;
    }
    void add_devices(Place const& at) {
        auto const between_phases = pairs(at.phases);
        bool const can_delta = !between_phases.empty();
        if (chance(0.7)) {
            bool const delta = at.floating || (can_delta && chance(0.4));
            if (!delta || can_delta)
                make_.load(at.bus, delta ? between_phases : at.phases, {power(60.0), power(60.0), power(60.0)},
                           delta ? Connection::delta : Connection::wye, some_model());
        }
        if (wanted_.voltage_dependent && chance(0.25)) {
            bool const delta = at.floating || (can_delta && chance(0.3));
            if (!delta || can_delta)
                make_.capacitor(at.bus, delta ? between_phases : at.phases, 60e3 / (at.base_v * at.base_v),
                                delta ? Connection::delta : Connection::wye);
        }
        if (chance(0.5)) {
            bool const delta = at.floating || (can_delta && chance(0.3));
            auto const where = delta ? between_phases : some_of(at);
            if (!where.empty()) {
                PerPhaseComplex va{};
                for (Phase p : where.list())
                    va[slot(p)] = wanted_.pv_scale * 1e3 * Complex{between(20.0, 250.0), between(-10.0, 10.0)};
                make_.pv(at.bus, where, va, delta ? Connection::delta : Connection::wye);
            }
        }
        if (chance(0.1) && !at.floating)
            make_.feeder.machines.add({.bus = at.bus, .phases = at.phases, .p_w = between(-2e4, 2e4), .q_var = 5e3},
                                      "machine " + std::to_string(make_.feeder.machines.size()));
        if (chance(0.15) && !at.floating) {
            Battery row;
            row.inverter = {.bus = at.bus, .phases = at.phases, .p_w = {-5e3, -5e3, -5e3}};
            add_battery(make_.feeder, row, "battery " + std::to_string(make_.feeder.batteries.size()), {}, "connection",
                        {});
        }
    }

    void add_secondary(Place const& at) {
        auto const between_phases = pairs(at.phases);
        bool const across = at.floating || (!between_phases.empty() && chance(0.3));
        if (across && between_phases.empty()) return;
        std::string const name = "service " + std::to_string(make_.feeder.transformers.size());
        auto const drum = make_.bus(name, leg_base_v);
        auto const p = one_of(across ? between_phases : at.phases);
        double const volts = at.base_v * (across ? std::numbers::sqrt3 : 1.0);
        double const ohm = volts * volts / 50e3;
        auto const code = make_.code(three_windings(1, {volts, 120.0, 120.0},
                                                    {Complex{0.012, 0.0204} * ohm, Complex{0.013, 0.0212} * ohm,
                                                     Complex{0.020, 0.0136} * (120.0 * 120.0 / 50e3)}));
        Seat const primary{at.bus, {conductor(p), across ? conductor(delta_pair(p)[1]) : N}};
        Seat const first{drum, {Conductor::s1, N}}, second{drum, {N, Conductor::s2}};
        bool const turned = chance(0.3);
        maybe_tap(make_.unit(code, {primary, turned ? second : first, turned ? first : second}, name), 1);
        for (int house = 0, houses = whole(1, 3); house < houses; ++house) {
            auto const bus = make_.bus(name + " house " + std::to_string(house), leg_base_v);
            double const drop = between(0.5, 1.5);
            Complex const self{0.02 * drop, 0.012 * drop}, mutual{0.008 * drop, 0.008 * drop};
            bool const one_leg = chance(0.1);
            Phase const leg = chance(0.5) ? Phase::s1 : Phase::s2;
            bool const reversed = chance(0.5);
            auto const from = reversed ? bus : drum, to = reversed ? drum : bus;
            if (one_leg) make_.line(from, to, {leg}, {{self}});
            else make_.line(from, to, {Phase::s2, Phase::s1}, {{self, mutual}, {mutual, self}});
            auto const legs = one_leg ? PhaseSet{leg} : PhaseSet::split();
            bool const full_winding = !one_leg && chance(0.5);
            make_.load(bus, legs, {power(3.0), power(2.0)}, full_winding ? Connection::delta : Connection::wye,
                       some_model());
            if (chance(0.6)) {
                PerPhaseComplex va{};
                for (Phase l : legs.list()) va[slot(l)] = wanted_.pv_scale * 1e3 * between(0.5, 4.0);
                make_.pv(bus, legs, va, full_winding ? Connection::delta : Connection::wye);
            }
        }
    }

    RandomFeeder wanted_;
    std::mt19937 generator_;
    FeederMaker make_;
    std::vector<Place> places_;
};

}  // namespace

Feeder random_feeder(RandomFeeder const& wanted) { return Growing{wanted}.grow(); }

}  // namespace dec::test
