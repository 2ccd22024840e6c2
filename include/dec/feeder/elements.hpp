/// \file elements.hpp
/// What the utility wrote, element by element, in SI units. Rows hold no text; names and mRIDs are in the tables.
/// Arrays over phases have three places, A, B, C or s1, s2, -; what is absent is zero.
/// Signs: loads positive when they consume, inverters and machines positive when they inject.
#pragma once

#include <array>
#include <cstdint>
#include <limits>

#include "dec/core/index.hpp"
#include "dec/feeder/phases.hpp"

namespace dec::feeder {

using core::Index;
using Matrix3 = std::array<std::array<double, 3>, 3>;
using PerPhase = std::array<double, 3>;

inline constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

struct Area;
struct LineCode;
struct TransformerCode;
struct Bank;
struct Transformer;
struct LoadModel;

/// single: one coil between two conductors (CIM "I"); series: of an autotransformer, the first winding, which is in series with the
/// second one (on one phase or three); the two share their neutral.
enum class Connection : std::uint8_t { wye, delta, single, series };

/// Continuous and emergency limits of one conductor, A; NaN where unknown.
struct Rating {
    double normal_a = unknown;
    double emergency_a = unknown;
};

struct Bus {
    PhaseSet phases;      ///< of everything attached; see Feeder::derive_bus_phases
    double base_v = 0.0;  ///< V to neutral: nominal line-to-line / sqrt(3), also for split-phase secondaries
    double x = unknown;   ///< coordinates as the file has them, NaN where unknown
    double y = unknown;
};

/// Impedance of a metre of line, or of a whole line (`per_metre` false). Row i belongs to `Line::phases[i]`.
/// Neutral conductors are already eliminated (Kron 1939).
struct LineCode {
    enum class Form : std::uint8_t { matrix, sequence, whole_line };
    Form form = Form::matrix;  ///< how the file gave it: full matrix, sequence values per metre, or a line's own totals
    std::uint8_t conductors = 3;
    Matrix3 r_ohm{};  ///< ohm/m, for whole_line ohm; symmetric
    Matrix3 x_ohm{};
    Matrix3 b_s{};  ///< shunt susceptance, S/m, for whole_line S
    Matrix3 g_s{};
};

struct Line {
    Index<Bus> from, to;
    std::array<Phase, 3> phases{};  ///< conductor i of the code carries phases[i]; first `conductors` places count
    std::uint8_t conductors = 0;
    Index<LineCode> code;  ///< invalid: the file gives no impedance (a finding)
    double length_m = 1.0;
    Rating rating;
    Index<Area> area;
    [[nodiscard]] PhaseSet phase_set() const {
        PhaseSet set;
        for (std::size_t i = 0; i < conductors; ++i) set.insert(phases[i]);
        return set;
    }
};

struct Switch {
    enum class Kind : std::uint8_t {
        load_break_switch,
        breaker,
        recloser,
        fuse,
        sectionaliser,
        disconnector,
        jumper,
        ground_disconnector,
        plain
    };
    Kind kind = Kind::load_break_switch;
    Index<Bus> from, to;
    PhaseSet phases;
    PhaseSet closed;  ///< phases that conduct now
    bool normally_open = false;
    double rated_a = unknown;
    double breaking_capacity_a = unknown;
    Rating rating;
    Index<Area> area;
    double r_ohm = 0.0, x_ohm = 0.0, r0_ohm = 0.0, x0_ohm = 0.0;  ///< sequence values when closed; zero: ideal
};

/// A reactor or capacitor in series, three-phase; sequence values in ohm.
struct SeriesCompensator {
    Index<Bus> from, to;
    PhaseSet phases = PhaseSet::abc();
    double r_ohm = 0.0, x_ohm = 0.0, r0_ohm = 0.0, x0_ohm = 0.0;
    Rating rating;
    Index<Area> area;
};

/// Nameplate and test data of one transformer unit, shared by all units of the type.
struct TransformerCode {
    enum class Form : std::uint8_t { tank_tests, three_phase_ends };
    struct Winding {
        Connection connection = Connection::wye;
        double rated_v =
            0.0;  ///< line to line for three phases, else across the coil; of series and common winding together
        double rated_va = 0.0;  ///< of the whole winding
        double emergency_va = unknown;
        double r_ohm = 0.0;     ///< winding resistance at its own voltage
        std::int8_t clock = 0;  ///< lags winding 1 by 30 degrees times clock
    };
    /// Short-circuit impedance between two windings, ohm referred to `from`, resistance included.
    struct ShortCircuit {
        std::uint8_t from = 0, to = 1;
        double r_ohm = 0.0, x_ohm = 0.0;
    };
    Form form = Form::tank_tests;
    std::uint8_t windings = 2;
    std::uint8_t phases = 1;  ///< 1: a single-phase tank, 3: a three-phase unit
    std::array<Winding, 3> winding{};
    std::array<ShortCircuit, 3> short_circuit{};  ///< pairs 1-2, 1-3, 2-3; only the first for two windings
    double no_load_w = 0.0;                       ///< core loss at rated voltage
    double no_load_var = 0.0;                     ///< magnetising reactive power at rated voltage
};

/// What the utility calls one transformer: one three-phase unit, or up to three single-phase ones.
struct Bank {
    Index<Area> area;
};

/// One unit (CIM tank, or a three-phase transformer given by its ends).
struct Transformer {
    struct Winding {
        Index<Bus> bus;
        std::array<Conductor, 4>
            conductors{};  ///< in the order of polarity: {a, neutral}, {a, b}, {s1, neutral}, {neutral, s2}, {a, b, c}
        bool grounded = false;
        double ground_r_ohm = 0.0, ground_x_ohm = 0.0;
        Rating rating;
    };
    Index<Bank> bank;
    Index<TransformerCode> code;
    std::array<Winding, 3> winding{};
    Index<Area> area;
    /// Phases of a winding without the neutral.
    [[nodiscard]] PhaseSet phases(std::size_t w) const {
        PhaseSet set;
        for (Conductor c : winding[w].conductors)
            if (auto const p = phase_of(c)) set.insert(*p);
        return set;
    }
};

/// Which terminal of which element something is measured at.
enum class ElementKind : std::uint8_t {
    none,
    line,
    switch_,
    series_compensator,
    bank,
    transformer,
    tap_changer,
    load,
    capacitor,
    pv,
    battery,
    machine,
    source
};
struct TerminalRef {
    ElementKind kind = ElementKind::none;
    std::int32_t element = -1;  ///< row of the kind's table
    std::uint8_t terminal = 1;  ///< CIM sequence number
    Index<Bus> bus;
};

/// Settings of the control that moves a tap changer or switches a capacitor.
struct RegulatorControl {
    enum class Mode : std::uint8_t {
        voltage,
        reactive_power,
        current_flow,
        active_power,
        time,
        power_factor,
        admittance,
        temperature
    };
    /// Of the phases at its terminal.
    enum class Watched : std::uint8_t { one, mean, highest, lowest };
    bool present = false;
    bool enabled = false;
    bool discrete = true;
    Mode mode = Mode::voltage;
    Watched watched = Watched::one;
    Phase monitored_phase = Phase::a;
    bool has_monitored_phase = false;
    TerminalRef monitored;
    double target = 0.0;  ///< V on the PT secondary for tap changers; V, var or A at the primary for capacitors
    double deadband = 0.0;
    bool line_drop_compensation = false;
    double line_drop_r_v = 0.0, line_drop_x_v = 0.0;  ///< V at rated CT current
    double reverse_line_drop_r_v = 0.0, reverse_line_drop_x_v = 0.0;
    /// The same of magnitudes alone; where there is one, it goes before R and X.
    double line_drop_z_v = 0.0, reverse_line_drop_z_v = 0.0;
    /// As the target. Tap changers go down above the upper one; capacitors are switched on below the lower and off above the upper one,
    /// whatever else they look at.
    double min_limit_v = unknown, max_limit_v = unknown;
    bool reversible = false;           ///< while power flows back it holds the voltage on its other side
    bool cogeneration = false;         ///< while power flows back it has other targets, and goes on looking forward
    bool reverse_to_neutral = false;   ///< while power flows back it goes to its neutral step
    double reverse_threshold_w = 0.0;  ///< power back that turns it round, and power on that turns it back
    double reverse_delay_s = 0.0;
    double reverse_target = unknown, reverse_deadband = unknown;  ///< as target and deadband, for reversed power flow
};

/// A voltage step on one winding.
struct TapChanger {
    Index<Transformer> transformer;
    std::uint8_t winding = 1;  ///< index into Transformer::winding
    double step = 0.0;
    std::int32_t neutral_step = 0, normal_step = 0, low_step = -16, high_step = 16;
    double increment_percent = 0.625;
    double neutral_v = unknown;
    bool ltc = true;
    bool control_enabled = false;
    double initial_delay_s = 0.0, subsequent_delay_s = 0.0;
    bool inverse_time = false;     ///< the further the voltage is off, the sooner it acts
    std::int32_t most_steps = 16;  ///< at once
    double pt_ratio = unknown, ct_rating_a = unknown, ct_ratio = unknown;
    RegulatorControl control;
    /// Factor on the voltage of its winding.
    [[nodiscard]] double ratio() const { return 1.0 + (step - neutral_step) * increment_percent / 100.0; }
};

/// How a load answers to voltage. Shares in 1 (not per cent).
struct LoadModel {
    bool exponential = false;
    double p_impedance = 0.0, p_current = 0.0, p_power = 1.0;
    double q_impedance = 0.0, q_current = 0.0, q_power = 1.0;
    double p_exponent = 0.0, q_exponent = 0.0;  ///< used where `exponential`
};

struct Load {
    Index<Bus> bus;
    Connection connection =
        Connection::wye;  ///< delta: place A is between A and B, B between B and C, C between C and A
    PhaseSet phases;
    PerPhase p_w{}, q_var{};  ///< at nominal voltage
    Index<LoadModel> model;   ///< invalid: constant power
    std::int32_t customers = 1;
    bool grounded = true;
    Index<Area> area;
    double nominal_v = unknown;  ///< across one of its places, where p and q hold; NaN: the bus's base voltage
    double low_pu = unknown, high_pu = unknown;  ///< of nominal, beyond which it is an impedance; NaN: the usual
};

struct Capacitor {
    Index<Bus> bus;
    Connection connection = Connection::wye;
    PhaseSet phases;
    double nominal_v = 0.0;      ///< as the file has it: line to line for three phases and for a delta, else to neutral
    PerPhase b_per_section_s{};  ///< per phase, wye equivalent: three times what a delta has between two phases
    PerPhase sections{};         ///< switched in now, per phase
    std::int32_t maximum_sections = 1, normal_sections = 1;
    double delay_s = 0.0;
    double off_delay_s = unknown;  ///< before it is switched off; NaN: delay_s
    bool grounded = true;
    Rating rating;
    RegulatorControl control;
    Index<Area> area;
};

/// The converter by which photovoltaics and batteries meet the grid (CIM PowerElectronicsConnection).
struct Inverter {
    enum class ControlMode : std::uint8_t { constant_power_factor, constant_reactive_power, dynamic };
    Index<Bus> bus;
    Connection connection = Connection::wye;
    PhaseSet phases;
    PerPhase p_w{}, q_var{};  ///< delivered now, per phase; their sum is the converter's p, q
    double rated_va = 0.0;
    double rated_v = 0.0;  ///< line to line, also for one phase
    double min_q_var = unknown, max_q_var = unknown;
    double max_fault_pu = unknown;
    ControlMode control_mode = ControlMode::constant_power_factor;
};

struct PvSystem {
    Inverter inverter;
    double max_p_w = 0.0, min_p_w = 0.0;  ///< of the unit
    Index<Area> area;
};

struct Battery {
    enum class State : std::uint8_t { waiting, charging, discharging, full, empty };
    Inverter inverter;
    double max_p_w = 0.0, min_p_w = 0.0;
    double rated_wh = 0.0, stored_wh = 0.0;
    State state = State::waiting;
    Index<Area> area;
};

/// A synchronous machine as a fixed injection.
struct Machine {
    Index<Bus> bus;
    PhaseSet phases = PhaseSet::abc();
    double p_w = 0.0, q_var = 0.0;  ///< totals
    double rated_va = 0.0, rated_v = 0.0;
    Index<Area> area;
};

/// The transmission grid as seen from the substation: an ideal voltage behind a Thevenin impedance. Three-phase.
struct Source {
    Index<Bus> bus;
    double nominal_v = 0.0;  ///< line to line
    double voltage_v = 0.0;  ///< line to line, of the ideal source
    double angle_rad = 0.0;  ///< of phase A
    double r_ohm = 0.0, x_ohm = 0.0, r0_ohm = 0.0, x0_ohm = 0.0;
    Index<Area> area;
};

/// A part of the feeder that is coordinated as one.
struct Area {
    enum class Kind : std::uint8_t { feeder, switch_delimited, secondary };
    Kind kind = Kind::feeder;
    Index<Area> parent;  ///< invalid for the feeder's own area
};

/// A point whose value a running platform reports under the measurement's mRID.
struct Measurement {
    enum class Type : std::uint8_t { voltage, power, current, position, state_of_charge };
    Type type = Type::voltage;  ///< CIM PNV, VA, A, Pos, SoC
    PhaseSet phases;            ///< empty: none stated
    bool discrete = false;
    TerminalRef at;
};

}  // namespace dec::feeder
