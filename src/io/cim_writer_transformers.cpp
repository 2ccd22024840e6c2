/// \file cim_writer_transformers.cpp
/// Transformers as tanks with catalogue data or as three-phase ends with impedances; tap changers and their controls.
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <string>

#include "cim_names.hpp"
#include "cim_writer.hpp"
#include "dec/feeder/windings.hpp"

namespace dec::io::cim {

using core::Index;
using feeder::Bus;
using feeder::Conductor;
using feeder::Connection;
using feeder::Transformer;
using feeder::TransformerCode;

namespace {

using Form = TransformerCode::Form;
using Windings = std::array<Index<Bus>, 3>;
using Ratings = std::array<feeder::Rating, 3>;

// ---- catalogue

/// The magnitude that a test measures, from which and from the loss a reader takes the other leg: sqrt(magnitude^2 -
/// loss^2). Where that is zero, the magnitude is a few roundings below the loss: just above, the root would make 1e-8 of
/// 1e-16.
double test_magnitude(double loss, double other) {
    static constexpr double below = 1.0 - 1e-14;
    return other == 0.0 ? loss * below : decimal(std::hypot(loss, other));
}

/// WindingConnection of a winding.
std::string_view connection_kind(TransformerCode const& code, std::size_t w) {
    if (!is_autotransformer(code) || w > 1) return to_cim(winding_connections, code.winding[w].connection);
    return w == 1 ? "A" : to_cim(winding_connections, code.winding[1].connection);
}

void write_end_info(Writer& writer, NodeId const& info, std::string_view info_name, std::size_t w,
                    TransformerCode const& code) {
    auto const& winding = code.winding[w];
    writer.node("TransformerEndInfo", Writer::end_of(info, w), fmt::format("{}_{}", info_name, w + 1))
        .link("TransformerEndInfo.TransformerTankInfo", info)
        .integer("TransformerEndInfo.endNumber", static_cast<std::int64_t>(w) + 1)
        .literal("TransformerEndInfo.connectionKind", "WindingConnection", connection_kind(code, w))
        .integer("TransformerEndInfo.phaseAngleClock", winding.clock)
        .number("TransformerEndInfo.ratedU", winding.rated_v)
        .number("TransformerEndInfo.ratedS", winding.rated_va)
        .number("TransformerEndInfo.r", winding.r_ohm)
        .known_number("TransformerEndInfo.emergencyS", winding.emergency_va);
}

/// Losses are in kW, impedances in ohm at the energised end. Zero sequence repeats the values: a tank has no other.
void write_short_circuit_test(Writer& writer, NodeId const& info, std::string_view info_name, std::size_t number,
                              TransformerCode const& code) {
    auto const& test = code.short_circuit[number];
    auto const& energised = code.winding[test.from];
    auto const rated_a = energised.rated_va / energised.rated_v;
    auto const loss_kw = decimal(test.r_ohm * rated_a * rated_a / 1000.0);
    auto const z_ohm = test_magnitude(test.r_ohm, test.x_ohm);
    writer
        .node("ShortCircuitTest", Writer::part(info, fmt::format("ShortCircuitTest {}", number + 1)),
              fmt::format("{}_{}", info_name, number + 1))
        .link("ShortCircuitTest.EnergisedEnd", Writer::end_of(info, test.from))
        .link("ShortCircuitTest.GroundedEnds", Writer::end_of(info, test.to))
        .number("TransformerTest.basePower", energised.rated_va)
        .number("ShortCircuitTest.leakageImpedance", z_ohm)
        .number("ShortCircuitTest.leakageImpedanceZero", z_ohm)
        .number("ShortCircuitTest.loss", loss_kw)
        .number("ShortCircuitTest.lossZero", loss_kw);
}

void write_no_load_test(Writer& writer, NodeId const& info, std::string_view info_name, TransformerCode const& code) {
    auto const& energised = code.winding[0];
    auto const loss_kw = decimal(code.no_load_w / 1000.0);
    auto const magnitude_va = test_magnitude(code.no_load_w, code.no_load_var);
    auto const ratio_percent = magnitude_va / energised.rated_va * 100.0;
    auto const current_percent = code.no_load_var == 0.0 ? ratio_percent : decimal(ratio_percent);
    writer.node("NoLoadTest", Writer::part(info, "NoLoadTest"), fmt::format("{}_1", info_name))
        .link("NoLoadTest.EnergisedEnd", Writer::end_of(info, 0))
        .number("NoLoadTest.energisedEndVoltage", energised.rated_v)
        .number("TransformerTest.basePower", energised.rated_va)
        .number("NoLoadTest.excitingCurrent", current_percent)
        .number("NoLoadTest.excitingCurrentZero", current_percent)
        .number("NoLoadTest.loss", loss_kw)
        .number("NoLoadTest.lossZero", loss_kw);
}

void write_catalogue(Writer& writer) {
    auto const& codes = writer.feeder.transformer_codes;
    for (auto row : codes.ids()) {
        auto const& code = codes[row];
        if (code.form != Form::tank_tests) continue;  // is written with its transformer
        auto const& info = writer.id(codes, row);
        auto const name = codes.name(row);
        (void)writer.node("TransformerTankInfo", codes, row);
        for (std::size_t w = 0; w < code.windings; ++w) write_end_info(writer, info, name, w, code);
        for (std::size_t k = 0; k < (code.windings == 2 ? 1U : 3U); ++k)
            write_short_circuit_test(writer, info, name, k, code);
        write_no_load_test(writer, info, name, code);
    }
}

// ---- ends

std::string ordered_phases(std::array<Conductor, 4> const& conductors) {
    std::string text;
    for (auto conductor : conductors) text += to_cim(conductor_letters, conductor);
    return text;
}

/// A neutral that is brought out to an impedance.
bool impedance_grounded(Transformer::Winding const& winding) {
    return winding.ground_r_ohm != 0.0 || winding.ground_x_ohm != 0.0;
}

/// A wye of three phases has its neutral among its conductors if that is grounded in any way.
bool is_grounded(Transformer::Winding const& winding) {
    return winding.grounded || (winding.conductors.back() == Conductor::neutral && !impedance_grounded(winding));
}

/// What both kinds of end have: number, grounding, terminal, base voltage.
void write_end(Node& node, Writer const& writer, NodeId const& unit, Transformer const& row, std::size_t w) {
    auto const& winding = row.winding[w];
    node.integer("TransformerEnd.endNumber", static_cast<std::int64_t>(w) + 1)
        .flag("TransformerEnd.grounded", is_grounded(winding))
        .link("TransformerEnd.Terminal", Writer::terminal_of(unit, w + 1));
    if (winding.grounded || impedance_grounded(winding))
        node.number("TransformerEnd.rground", winding.ground_r_ohm)
            .number("TransformerEnd.xground", winding.ground_x_ohm);
    writer.base_voltage(node, "TransformerEnd.BaseVoltage", winding.bus);
}

void write_tank_end(Writer& writer, NodeId const& tank, std::string_view tank_name, Transformer const& row,
                    std::size_t w, NodeId const* tap_changer) {
    auto node = writer.node("TransformerTankEnd", Writer::end_of(tank, w), fmt::format("{}_End_{}", tank_name, w + 1));
    write_end(node, writer, tank, row, w);
    node.link("TransformerTankEnd.TransformerTank", tank)
        .literal("TransformerTankEnd.orderedPhases", "OrderedPhaseCodeKind", ordered_phases(row.winding[w].conductors));
    if (tap_changer != nullptr) node.link("TransformerEnd.RatioTapChanger", *tap_changer);
}

NodeId core_of(NodeId const& transformer) { return Writer::part(transformer, "CoreAdmittance"); }

void write_power_transformer_end(Writer& writer, NodeId const& transformer, std::string_view name,
                                 Transformer const& row, TransformerCode const& code, std::size_t w,
                                 NodeId const* tap_changer) {
    auto const& winding = code.winding[w];
    auto const kind = connection_kind(code, w);
    bool const neutral_out = kind == "Y" && impedance_grounded(row.winding[w]);
    auto node =
        writer.node("PowerTransformerEnd", Writer::end_of(transformer, w), fmt::format("{}_End_{}", name, w + 1));
    write_end(node, writer, transformer, row, w);
    node.link("PowerTransformerEnd.PowerTransformer", transformer)
        .literal("PowerTransformerEnd.connectionKind", "WindingConnection", neutral_out ? "Yn" : kind)
        .integer("PowerTransformerEnd.phaseAngleClock", winding.clock)
        .number("PowerTransformerEnd.ratedU", winding.rated_v)
        .number("PowerTransformerEnd.ratedS", winding.rated_va)
        .number("PowerTransformerEnd.r", winding.r_ohm);
    if (w == 0) node.link("TransformerEnd.CoreAdmittance", core_of(transformer));
    if (tap_changer != nullptr) node.link("TransformerEnd.RatioTapChanger", *tap_changer);
}

/// Impedances between the ends and the magnetising branch at the first, in ohm and siemens at the end they start from.
void write_impedances(Writer& writer, NodeId const& transformer, std::string_view name, TransformerCode const& code) {
    for (std::size_t k = 0; k < (code.windings == 2 ? 1U : 3U); ++k) {
        auto const& pair = code.short_circuit[k];
        writer
            .node("TransformerMeshImpedance", Writer::part(transformer, fmt::format("MeshImpedance {}", k + 1)),
                  fmt::format("{}_Zsc_{}", name, k + 1))
            .link("TransformerMeshImpedance.FromTransformerEnd", Writer::end_of(transformer, pair.from))
            .link("TransformerMeshImpedance.ToTransformerEnd", Writer::end_of(transformer, pair.to))
            .number("TransformerMeshImpedance.r", pair.r_ohm)
            .number("TransformerMeshImpedance.x", pair.x_ohm)
            .number("TransformerMeshImpedance.r0", pair.r_ohm)
            .number("TransformerMeshImpedance.x0", pair.x_ohm);
    }
    auto const v_sq = code.winding[0].rated_v * code.winding[0].rated_v;
    auto const g_s = decimal(code.no_load_w / v_sq);
    auto const b_s = decimal(code.no_load_var / v_sq);
    writer.node("TransformerCoreAdmittance", core_of(transformer), fmt::format("{}_Yc", name))
        .number("TransformerCoreAdmittance.g", g_s)
        .number("TransformerCoreAdmittance.b", b_s)
        .number("TransformerCoreAdmittance.g0", g_s)
        .number("TransformerCoreAdmittance.b0", b_s);
}

// ---- units and banks

/// The tap changer on each winding of each transformer, if any.
class TapChangersByWinding {
  public:
    explicit TapChangersByWinding(Writer const& writer) : writer_{writer}, rows_(writer.feeder.transformers.size()) {
        auto const& tap_changers = writer.feeder.tap_changers;
        for (auto row : tap_changers.ids()) rows_[tap_changers[row].transformer.at()][tap_changers[row].winding] = row;
    }
    [[nodiscard]] NodeId const* at(Index<Transformer> unit, std::size_t winding) const {
        auto const row = rows_[unit.at()][winding];
        return row.valid() ? &writer_.id(writer_.feeder.tap_changers, row) : nullptr;
    }

  private:
    Writer const& writer_;
    std::vector<std::array<Index<feeder::TapChanger>, 3>> rows_;
};

/// A transformer with what its terminals need.
struct Unit {
    Unit(Writer const& writer, Index<Transformer> id)
        : row{writer.feeder.transformers[id]}, code{writer.feeder.transformer_codes[row.code]} {
        for (std::size_t w = 0; w < code.windings; ++w) {
            buses[w] = row.winding[w].bus;
            ratings[w] = row.winding[w].rating;
        }
        equipment = {writer.unit(id), writer.feeder.transformers.name(id), row.area,
                     std::span{buses}.first(code.windings)};
    }
    Unit(Unit const&) = delete;
    Unit& operator=(Unit const&) = delete;
    ~Unit() = default;

    Transformer const& row;
    TransformerCode const& code;
    Windings buses;
    Ratings ratings;
    Equipment equipment;
};

/// What single-phase units make of a winding together: three between phase and neutral a wye, two or three between
/// phases a delta, which may be open.
Connection bank_connection(std::array<Conductor, 4> const& conductors, std::size_t units) {
    bool const to_neutral = conductors[1] == Conductor::neutral;
    if (to_neutral) return units == 3 ? Connection::wye : Connection::single;
    return units > 1 ? Connection::delta : Connection::single;
}

/// "Dyn1y1": the first winding's connection in upper case, the others' with their clocks.
std::string vector_group(Writer const& writer, std::span<Index<Transformer> const> units) {
    auto const& feeder = writer.feeder;
    auto const& first = feeder.transformers[units.front()];
    auto const& code = feeder.transformer_codes[first.code];
    std::string group;
    for (std::size_t w = 0; w < code.windings; ++w) {
        auto const& winding = code.winding[w];
        bool const is_auto = is_autotransformer(code) && w < 2;
        auto const own = is_auto ? code.winding[1].connection : winding.connection;
        auto const connection =
            own == Connection::single ? bank_connection(first.winding[w].conductors, units.size()) : own;
        static constexpr std::array letters{"Yy", "Dd", "Ii"};
        group += is_auto && w == 1 ? 'a' : letters[static_cast<std::size_t>(connection)][w == 0 ? 0 : 1];
        if (connection == Connection::wye && impedance_grounded(first.winding[w])) group += w == 0 ? "N" : "n";
        if (connection != Connection::single && winding.clock != 0) group += std::to_string(winding.clock);
    }
    return group;
}

void write_bank(Writer& writer, Index<feeder::Bank> bank) {
    auto const& banks = writer.feeder.banks;
    auto const units = writer.units(bank);
    auto node = writer.node("PowerTransformer", banks, bank);
    writer.membership(node, banks[bank].area);
    if (units.empty()) return;
    node.text("PowerTransformer.vectorGroup", vector_group(writer, units));
    // the bank's points are numbered like its terminals, which repeat in each unit: they must mean the same buses
    Unit const first{writer, units.front()};
    for (auto other : units)
        if (Unit{writer, other}.buses != first.buses) return;
    writer.location(node, first.equipment);
}

void write_tank(Writer& writer, Index<Transformer> id, TapChangersByWinding const& tap_changers) {
    auto const& feeder = writer.feeder;
    Unit const unit{writer, id};
    auto const& tank = unit.equipment.id;
    {
        auto node = writer.node("TransformerTank", feeder.transformers, id);
        writer.equipment(node, unit.equipment);
        node.link("TransformerTank.PowerTransformer", writer.id(feeder.banks, unit.row.bank))
            .link("TransformerTank.TransformerTankInfo", writer.id(feeder.transformer_codes, unit.row.code));
    }
    for (std::size_t w = 0; w < unit.code.windings; ++w)
        write_tank_end(writer, tank, unit.equipment.name, unit.row, w, tap_changers.at(id, w));
    writer.terminals(unit.equipment, writer.id(feeder.banks, unit.row.bank), unit.ratings);
}

void write_three_phase_unit(Writer& writer, Index<Transformer> id, TapChangersByWinding const& tap_changers) {
    Unit const unit{writer, id};
    auto const& transformer = unit.equipment.id;
    for (std::size_t w = 0; w < unit.code.windings; ++w)
        write_power_transformer_end(writer, transformer, unit.equipment.name, unit.row, unit.code, w,
                                    tap_changers.at(id, w));
    write_impedances(writer, transformer, unit.equipment.name, unit.code);
    writer.terminals(unit.equipment, transformer, unit.ratings);
}

}  // namespace

void write_transformers(Writer& writer) {
    write_catalogue(writer);
    TapChangersByWinding const tap_changers{writer};
    for (auto bank : writer.feeder.banks.ids()) {
        write_bank(writer, bank);
        for (auto unit : writer.units(bank)) {
            if (writer.is_tank(unit)) write_tank(writer, unit, tap_changers);
            else write_three_phase_unit(writer, unit, tap_changers);
        }
    }
}

// ---- tap changers

void regulating_control(Writer const& writer, Node& node, feeder::RegulatorControl const& control,
                        Index<Transformer> owner) {
    feeder::PhaseSet phases;
    if (control.has_monitored_phase) phases.insert(control.monitored_phase);
    NodeId terminal;
    if (writer.terminal(control.monitored, phases, terminal, owner)) node.link("RegulatingControl.Terminal", terminal);
    if (control.has_monitored_phase)
        node.literal("RegulatingControl.monitoredPhase", "PhaseCode", feeder::to_text(control.monitored_phase));
    node.literal("RegulatingControl.mode", "RegulatingControlModeKind", to_cim(control_modes, control.mode))
        .flag("RegulatingControl.enabled", control.enabled)
        .flag("RegulatingControl.discrete", control.discrete)
        .number("RegulatingControl.targetValue", control.target)
        .number("RegulatingControl.targetDeadband", control.deadband)
        .known_number("RegulatingControl.reverseTargetValue", control.reverse_target)
        .known_number("RegulatingControl.reverseTargetDeadband", control.reverse_deadband);
}

namespace {

NodeId control_of(NodeId const& tap_changer) { return Writer::part(tap_changer, "TapChangerControl"); }

void write_tap_changer_control(Writer& writer, NodeId const& tap_changer, std::string_view name,
                               feeder::TapChanger const& row) {
    auto const& control = row.control;
    auto node = writer.node("TapChangerControl", control_of(tap_changer), fmt::format("{}_Ctrl", name));
    regulating_control(writer, node, control, row.transformer);
    if (control.reverse_line_drop_r_v != 0.0 || control.reverse_line_drop_x_v != 0.0)
        node.number("TapChangerControl.reverseLineDropR", control.reverse_line_drop_r_v)
            .number("TapChangerControl.reverseLineDropX", control.reverse_line_drop_x_v);
    if (control.reversible)
        node.flag("TapChangerControl.reverseToNeutral", control.reverse_to_neutral)
            .number("TapChangerControl.reversingPowerThreshold", control.reverse_threshold_w)
            .number("TapChangerControl.reversingDelay", control.reverse_delay_s);
    node.flag("TapChangerControl.lineDropCompensation", control.line_drop_compensation)
        .number("TapChangerControl.lineDropR", control.line_drop_r_v)
        .number("TapChangerControl.lineDropX", control.line_drop_x_v)
        .flag("TapChangerControl.reversible", control.reversible)
        .known_number("TapChangerControl.minLimitVoltage", control.min_limit_v)
        .known_number("TapChangerControl.maxLimitVoltage", control.max_limit_v);
}

}  // namespace

void write_tap_changers(Writer& writer) {
    auto const& tap_changers = writer.feeder.tap_changers;
    for (auto id : tap_changers.ids()) {
        auto const& row = tap_changers[id];
        auto const& own = writer.id(tap_changers, id);
        {
            auto node = writer.node("RatioTapChanger", tap_changers, id);
            node.link("RatioTapChanger.TransformerEnd", Writer::end_of(writer.unit(row.transformer), row.winding))
                .number("RatioTapChanger.stepVoltageIncrement", row.increment_percent)
                .number("TapChanger.step", row.step)
                .integer("TapChanger.neutralStep", row.neutral_step)
                .integer("TapChanger.normalStep", row.normal_step)
                .integer("TapChanger.lowStep", row.low_step)
                .integer("TapChanger.highStep", row.high_step)
                .known_number("TapChanger.neutralU", row.neutral_v)
                .flag("TapChanger.ltcFlag", row.ltc)
                .flag("TapChanger.controlEnabled", row.control_enabled)
                .number("TapChanger.initialDelay", row.initial_delay_s)
                .number("TapChanger.subsequentDelay", row.subsequent_delay_s)
                .known_number("TapChanger.ptRatio", row.pt_ratio)
                .known_number("TapChanger.ctRating", row.ct_rating_a)
                .known_number("TapChanger.ctRatio", row.ct_ratio);
            if (row.control.present) node.link("TapChanger.TapChangerControl", control_of(own));
        }
        if (row.control.present) write_tap_changer_control(writer, own, tap_changers.name(id), row);
    }
}

}  // namespace dec::io::cim
