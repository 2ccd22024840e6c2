/// \file fields.hpp
/// The one list of what each row of a feeder consists of: name, unit and place of every member. Whatever goes through
/// all fields (comparison, native files) is generated from it, and a member that is not listed does not compile.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "dec/feeder/feeder.hpp"

namespace dec::feeder {

/// One member of a row. `unit`: "1" for pure numbers, "" for whatever is no number (references, enumerations, phases).
/// The fields of a member that is itself a struct are called `name_field`, or just `field` if `name` is empty.
template <class Row, class Value>
struct Member {
    std::string_view name;
    std::string_view unit;
    Value Row::*place;
};

/// Members in the order of declaration; null for types that have no parts.
template <class Row>
inline constexpr auto members = nullptr;

template <>
inline constexpr auto members<Heading> = std::tuple{
    Member{"name", "", &Heading::name},
    Member{"mrid", "", &Heading::mrid},
    Member{"substation", "", &Heading::substation},
    Member{"substation_mrid", "", &Heading::substation_mrid},
    Member{"subregion", "", &Heading::subregion},
    Member{"subregion_mrid", "", &Heading::subregion_mrid},
    Member{"region", "", &Heading::region},
    Member{"region_mrid", "", &Heading::region_mrid},
    Member{"origin", "", &Heading::origin},
};

template <>
inline constexpr auto members<Rating> = std::tuple{
    Member{"normal", "A", &Rating::normal_a},
    Member{"emergency", "A", &Rating::emergency_a},
};

template <>
inline constexpr auto members<Bus> = std::tuple{
    Member{"phases", "", &Bus::phases},
    Member{"base_voltage", "V", &Bus::base_v},
    Member{"x", "1", &Bus::x},
    Member{"y", "1", &Bus::y},
};

/// r, x, b and g are per metre but for `whole_line`.
template <>
inline constexpr auto members<LineCode> = std::tuple{
    Member{"form", "", &LineCode::form},
    Member{"conductors", "1", &LineCode::conductors},
    Member{"r", "ohm/m (whole_line: ohm)", &LineCode::r_ohm},
    Member{"x", "ohm/m (whole_line: ohm)", &LineCode::x_ohm},
    Member{"b", "S/m (whole_line: S)", &LineCode::b_s},
    Member{"g", "S/m (whole_line: S)", &LineCode::g_s},
};

template <>
inline constexpr auto members<Line> = std::tuple{
    Member{"from", "", &Line::from},      Member{"to", "", &Line::to},
    Member{"phases", "", &Line::phases},  Member{"conductors", "1", &Line::conductors},
    Member{"code", "", &Line::code},      Member{"length", "m", &Line::length_m},
    Member{"rating", "A", &Line::rating}, Member{"area", "", &Line::area},
};

template <>
inline constexpr auto members<Switch> = std::tuple{
    Member{"kind", "", &Switch::kind},
    Member{"from", "", &Switch::from},
    Member{"to", "", &Switch::to},
    Member{"phases", "", &Switch::phases},
    Member{"closed", "", &Switch::closed},
    Member{"normally_open", "", &Switch::normally_open},
    Member{"rated_current", "A", &Switch::rated_a},
    Member{"breaking_capacity", "A", &Switch::breaking_capacity_a},
    Member{"rating", "A", &Switch::rating},
    Member{"area", "", &Switch::area},
    Member{"r", "ohm", &Switch::r_ohm},
    Member{"x", "ohm", &Switch::x_ohm},
    Member{"r0", "ohm", &Switch::r0_ohm},
    Member{"x0", "ohm", &Switch::x0_ohm},
};

template <>
inline constexpr auto members<SeriesCompensator> = std::tuple{
    Member{"from", "", &SeriesCompensator::from},     Member{"to", "", &SeriesCompensator::to},
    Member{"phases", "", &SeriesCompensator::phases}, Member{"r", "ohm", &SeriesCompensator::r_ohm},
    Member{"x", "ohm", &SeriesCompensator::x_ohm},    Member{"r0", "ohm", &SeriesCompensator::r0_ohm},
    Member{"x0", "ohm", &SeriesCompensator::x0_ohm},  Member{"rating", "A", &SeriesCompensator::rating},
    Member{"area", "", &SeriesCompensator::area},
};

template <>
inline constexpr auto members<TransformerCode::Winding> = std::tuple{
    Member{"connection", "", &TransformerCode::Winding::connection},
    Member{"rated_voltage", "V", &TransformerCode::Winding::rated_v},
    Member{"rated_power", "VA", &TransformerCode::Winding::rated_va},
    Member{"emergency_power", "VA", &TransformerCode::Winding::emergency_va},
    Member{"r", "ohm", &TransformerCode::Winding::r_ohm},
    Member{"clock", "1", &TransformerCode::Winding::clock},
};

template <>
inline constexpr auto members<TransformerCode::ShortCircuit> = std::tuple{
    Member{"from", "1", &TransformerCode::ShortCircuit::from},
    Member{"to", "1", &TransformerCode::ShortCircuit::to},
    Member{"r", "ohm", &TransformerCode::ShortCircuit::r_ohm},
    Member{"x", "ohm", &TransformerCode::ShortCircuit::x_ohm},
};

template <>
inline constexpr auto members<TransformerCode> = std::tuple{
    Member{"form", "", &TransformerCode::form},
    Member{"windings", "1", &TransformerCode::windings},
    Member{"phases", "1", &TransformerCode::phases},
    Member{"winding", "", &TransformerCode::winding},
    Member{"short_circuit", "", &TransformerCode::short_circuit},
    Member{"no_load_loss", "W", &TransformerCode::no_load_w},
    Member{"magnetising_power", "var", &TransformerCode::no_load_var},
};

template <>
inline constexpr auto members<Bank> = std::tuple{
    Member{"area", "", &Bank::area},
};

template <>
inline constexpr auto members<Transformer::Winding> = std::tuple{
    Member{"bus", "", &Transformer::Winding::bus},
    Member{"conductors", "", &Transformer::Winding::conductors},
    Member{"grounded", "", &Transformer::Winding::grounded},
    Member{"ground_r", "ohm", &Transformer::Winding::ground_r_ohm},
    Member{"ground_x", "ohm", &Transformer::Winding::ground_x_ohm},
    Member{"rating", "A", &Transformer::Winding::rating},
};

template <>
inline constexpr auto members<Transformer> = std::tuple{
    Member{"bank", "", &Transformer::bank},
    Member{"code", "", &Transformer::code},
    Member{"winding", "", &Transformer::winding},
    Member{"area", "", &Transformer::area},
};

template <>
inline constexpr auto members<RegulatorControl> = std::tuple{
    Member{"present", "", &RegulatorControl::present},
    Member{"enabled", "", &RegulatorControl::enabled},
    Member{"discrete", "", &RegulatorControl::discrete},
    Member{"mode", "", &RegulatorControl::mode},
    Member{"watched", "", &RegulatorControl::watched},
    Member{"monitored_phase", "", &RegulatorControl::monitored_phase},
    Member{"has_monitored_phase", "", &RegulatorControl::has_monitored_phase},
    Member{"monitored", "", &RegulatorControl::monitored},
    Member{"target", "V, var or A", &RegulatorControl::target},
    Member{"deadband", "V, var or A", &RegulatorControl::deadband},
    Member{"line_drop_compensation", "", &RegulatorControl::line_drop_compensation},
    Member{"line_drop_r", "V", &RegulatorControl::line_drop_r_v},
    Member{"line_drop_x", "V", &RegulatorControl::line_drop_x_v},
    Member{"reverse_line_drop_r", "V", &RegulatorControl::reverse_line_drop_r_v},
    Member{"reverse_line_drop_x", "V", &RegulatorControl::reverse_line_drop_x_v},
    Member{"line_drop_z", "V", &RegulatorControl::line_drop_z_v},
    Member{"reverse_line_drop_z", "V", &RegulatorControl::reverse_line_drop_z_v},
    Member{"min_limit", "V", &RegulatorControl::min_limit_v},
    Member{"max_limit", "V", &RegulatorControl::max_limit_v},
    Member{"reversible", "", &RegulatorControl::reversible},
    Member{"cogeneration", "", &RegulatorControl::cogeneration},
    Member{"reverse_to_neutral", "", &RegulatorControl::reverse_to_neutral},
    Member{"reverse_threshold", "W", &RegulatorControl::reverse_threshold_w},
    Member{"reverse_delay", "s", &RegulatorControl::reverse_delay_s},
    Member{"reverse_target", "V, var or A", &RegulatorControl::reverse_target},
    Member{"reverse_deadband", "V, var or A", &RegulatorControl::reverse_deadband},
};

template <>
inline constexpr auto members<TapChanger> = std::tuple{
    Member{"transformer", "", &TapChanger::transformer},
    Member{"winding", "1", &TapChanger::winding},
    Member{"step", "1", &TapChanger::step},
    Member{"neutral_step", "1", &TapChanger::neutral_step},
    Member{"normal_step", "1", &TapChanger::normal_step},
    Member{"low_step", "1", &TapChanger::low_step},
    Member{"high_step", "1", &TapChanger::high_step},
    Member{"increment", "%", &TapChanger::increment_percent},
    Member{"neutral_voltage", "V", &TapChanger::neutral_v},
    Member{"ltc", "", &TapChanger::ltc},
    Member{"under_control", "", &TapChanger::control_enabled},
    Member{"initial_delay", "s", &TapChanger::initial_delay_s},
    Member{"subsequent_delay", "s", &TapChanger::subsequent_delay_s},
    Member{"inverse_time", "", &TapChanger::inverse_time},
    Member{"most_steps", "1", &TapChanger::most_steps},
    Member{"pt_ratio", "1", &TapChanger::pt_ratio},
    Member{"ct_rating", "A", &TapChanger::ct_rating_a},
    Member{"ct_ratio", "1", &TapChanger::ct_ratio},
    Member{"control", "", &TapChanger::control},
};

template <>
inline constexpr auto members<LoadModel> = std::tuple{
    Member{"exponential", "", &LoadModel::exponential},  Member{"p_impedance", "1", &LoadModel::p_impedance},
    Member{"p_current", "1", &LoadModel::p_current},     Member{"p_power", "1", &LoadModel::p_power},
    Member{"q_impedance", "1", &LoadModel::q_impedance}, Member{"q_current", "1", &LoadModel::q_current},
    Member{"q_power", "1", &LoadModel::q_power},         Member{"p_exponent", "1", &LoadModel::p_exponent},
    Member{"q_exponent", "1", &LoadModel::q_exponent},
};

template <>
inline constexpr auto members<Load> = std::tuple{
    Member{"bus", "", &Load::bus},
    Member{"connection", "", &Load::connection},
    Member{"phases", "", &Load::phases},
    Member{"p", "W", &Load::p_w},
    Member{"q", "var", &Load::q_var},
    Member{"model", "", &Load::model},
    Member{"customers", "1", &Load::customers},
    Member{"grounded", "", &Load::grounded},
    Member{"area", "", &Load::area},
    Member{"nominal_voltage", "V", &Load::nominal_v},
    Member{"low_limit", "1", &Load::low_pu},
    Member{"high_limit", "1", &Load::high_pu},
};

template <>
inline constexpr auto members<Capacitor> = std::tuple{
    Member{"bus", "", &Capacitor::bus},
    Member{"connection", "", &Capacitor::connection},
    Member{"phases", "", &Capacitor::phases},
    Member{"nominal_voltage", "V", &Capacitor::nominal_v},
    Member{"b_per_section", "S", &Capacitor::b_per_section_s},
    Member{"sections", "1", &Capacitor::sections},
    Member{"maximum_sections", "1", &Capacitor::maximum_sections},
    Member{"normal_sections", "1", &Capacitor::normal_sections},
    Member{"delay", "s", &Capacitor::delay_s},
    Member{"off_delay", "s", &Capacitor::off_delay_s},
    Member{"grounded", "", &Capacitor::grounded},
    Member{"rating", "A", &Capacitor::rating},
    Member{"control", "", &Capacitor::control},
    Member{"area", "", &Capacitor::area},
};

template <>
inline constexpr auto members<Inverter> = std::tuple{
    Member{"bus", "", &Inverter::bus},
    Member{"connection", "", &Inverter::connection},
    Member{"phases", "", &Inverter::phases},
    Member{"p", "W", &Inverter::p_w},
    Member{"q", "var", &Inverter::q_var},
    Member{"rated_power", "VA", &Inverter::rated_va},
    Member{"rated_voltage", "V", &Inverter::rated_v},
    Member{"min_q", "var", &Inverter::min_q_var},
    Member{"max_q", "var", &Inverter::max_q_var},
    Member{"max_fault_current", "1", &Inverter::max_fault_pu},
    Member{"control_mode", "", &Inverter::control_mode},
};

template <>
inline constexpr auto members<PvSystem> = std::tuple{
    Member{"", "", &PvSystem::inverter},
    Member{"max_p", "W", &PvSystem::max_p_w},
    Member{"min_p", "W", &PvSystem::min_p_w},
    Member{"area", "", &PvSystem::area},
};

template <>
inline constexpr auto members<Battery> = std::tuple{
    Member{"", "", &Battery::inverter},
    Member{"max_p", "W", &Battery::max_p_w},
    Member{"min_p", "W", &Battery::min_p_w},
    Member{"rated_energy", "Wh", &Battery::rated_wh},
    Member{"stored_energy", "Wh", &Battery::stored_wh},
    Member{"state", "", &Battery::state},
    Member{"area", "", &Battery::area},
};

template <>
inline constexpr auto members<Machine> = std::tuple{
    Member{"bus", "", &Machine::bus},
    Member{"phases", "", &Machine::phases},
    Member{"p", "W", &Machine::p_w},
    Member{"q", "var", &Machine::q_var},
    Member{"rated_power", "VA", &Machine::rated_va},
    Member{"rated_voltage", "V", &Machine::rated_v},
    Member{"area", "", &Machine::area},
};

template <>
inline constexpr auto members<Source> = std::tuple{
    Member{"bus", "", &Source::bus},
    Member{"nominal_voltage", "V", &Source::nominal_v},
    Member{"voltage", "V", &Source::voltage_v},
    Member{"angle", "rad", &Source::angle_rad},
    Member{"r", "ohm", &Source::r_ohm},
    Member{"x", "ohm", &Source::x_ohm},
    Member{"r0", "ohm", &Source::r0_ohm},
    Member{"x0", "ohm", &Source::x0_ohm},
    Member{"area", "", &Source::area},
};

template <>
inline constexpr auto members<Area> = std::tuple{
    Member{"kind", "", &Area::kind},
    Member{"parent", "", &Area::parent},
};

template <>
inline constexpr auto members<Measurement> = std::tuple{
    Member{"type", "", &Measurement::type},
    Member{"phases", "", &Measurement::phases},
    Member{"discrete", "", &Measurement::discrete},
    Member{"at", "", &Measurement::at},
};

/// What an enumerator is called in messages and native files (for a Phase see to_text).
template <class Enum>
inline constexpr auto literals = nullptr;

template <>
inline constexpr std::array<std::string_view, 4> literals<Connection>{"wye", "delta", "single", "series"};
template <>
inline constexpr std::array<std::string_view, 7> literals<Conductor>{"-", "A", "B", "C", "s1", "s2", "N"};
template <>
inline constexpr std::array<std::string_view, 3> literals<LineCode::Form>{"matrix", "sequence", "whole_line"};
template <>
inline constexpr std::array<std::string_view, 9> literals<Switch::Kind>{
    "load_break_switch",   "breaker", "recloser", "fuse", "sectionaliser", "disconnector", "jumper",
    "ground_disconnector", "plain"};
template <>
inline constexpr std::array<std::string_view, 2> literals<TransformerCode::Form>{"tank_tests", "three_phase_ends"};
template <>
inline constexpr std::array<std::string_view, 13> literals<ElementKind>{
    "none",        "line",        "switch", "series compensator", "transformer bank",
    "transformer", "tap changer", "load",   "capacitor",          "pv",
    "battery",     "machine",     "source"};
template <>
inline constexpr std::array<std::string_view, 8> literals<RegulatorControl::Mode>{
    "voltage", "reactive_power", "current_flow", "active_power", "time", "power_factor", "admittance", "temperature"};
template <>
inline constexpr std::array<std::string_view, 4> literals<RegulatorControl::Watched>{"one", "mean", "highest",
                                                                                     "lowest"};
template <>
inline constexpr std::array<std::string_view, 3> literals<Inverter::ControlMode>{"constant_power_factor",
                                                                                 "constant_reactive_power", "dynamic"};
template <>
inline constexpr std::array<std::string_view, 5> literals<Battery::State>{"waiting", "charging", "discharging", "full",
                                                                          "empty"};
template <>
inline constexpr std::array<std::string_view, 3> literals<Area::Kind>{"feeder", "switch_delimited", "secondary"};
template <>
inline constexpr std::array<std::string_view, 5> literals<Measurement::Type>{"voltage", "power", "current", "position",
                                                                             "state_of_charge"};

template <class Enum>
[[nodiscard]] constexpr std::string_view literal(Enum value) {
    return literals<Enum>[static_cast<std::size_t>(value)];
}

namespace detail {

template <class T>
inline constexpr bool has_members = !std::same_as<std::remove_cv_t<decltype(members<T>)>, std::nullptr_t>;

template <class T>
struct ArrayOf {
    using Entry = void;
};
template <class T, std::size_t N>
struct ArrayOf<std::array<T, N>> {
    using Entry = T;
};

struct Anything {
    template <class T>
    operator T() const;  // NOLINT: never defined, only asked whether it would do
};

template <class Row, std::size_t... I>
constexpr bool takes(std::index_sequence<I...>) {
    return requires { Row{(static_cast<void>(I), Anything{})...}; };
}
/// Number of members of an aggregate: as many initialisers as it takes.
template <class Row, std::size_t N = 32>
constexpr std::size_t arity() {
    if constexpr (takes<Row>(std::make_index_sequence<N>{})) return N;
    else return arity<Row, N - 1>();
}

template <class Part, class Access, class Visitor>
void visit_part(std::string const& name, std::string_view unit, Access const& access, Visitor& visit) {
    using Entry = typename ArrayOf<Part>::Entry;
    if constexpr (has_members<Part>) {
        static_assert(std::tuple_size_v<std::remove_cv_t<decltype(members<Part>)>> == arity<Part>(),
                      "a member is missing in this type's list of members");
        auto const visit_member = [&]<class Value>(Member<Part, Value> const& member) {
            auto const separator = name.empty() || member.name.empty() ? "" : "_";
            visit_part<Value>(
                name + separator + std::string{member.name}, member.unit,
                [ access, place = member.place ](auto& row) -> auto& { return access(row).*place; }, visit);
        };
        std::apply([&](auto const&... member) { (visit_member(member), ...); }, members<Part>);
    } else if constexpr (has_members<Entry>) {
        for (std::size_t i = 0; i < std::tuple_size_v<Part>; ++i)
            visit_part<Entry>(
                name + "_" + std::to_string(i + 1), unit, [ access, i ](auto& row) -> auto& { return access(row)[i]; },
                visit);
    } else {
        visit(name, unit, access);
    }
}

}  // namespace detail

/// Calls `visit(name, unit, access)` for every field of a kind of row, in the order of declaration, nested structs
/// taken apart. `access(row)` is a reference to the field, const if the row is. What a field can be: a number, a truth
/// value, an enumeration, a PhaseSet, an Index of any table, a TerminalRef, a text (Heading), or an array of these.
/// Places of an array that have no meaning (a third phase of a two-phase line) hold what a new row has there.
template <class Row, class Visitor>
void visit_fields(Visitor&& visit) {
    detail::visit_part<Row>(
        "", "", [](auto& row) -> auto& { return row; }, visit);
}

/// The table of a kind of row.
template <class Row>
[[nodiscard]] Table<Row> const& table_of(Feeder const& feeder) {
    Table<Row> const* found = nullptr;
    for_each_table(feeder, [&](std::string_view, auto const& table) {
        if constexpr (std::same_as<std::remove_cvref_t<decltype(table)>, Table<Row>>) found = &table;
    });
    return *found;
}

}  // namespace dec::feeder
