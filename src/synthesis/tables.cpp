/// \file tables.cpp
/// A feeder from a folder of CSV tables; columns and units are those of inputs/ieee123/README.md.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numbers>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "additions.hpp"
#include "dec/core/uuid.hpp"
#include "dec/feeder/csv.hpp"
#include "dec/synthesis/populate.hpp"

namespace dec::synthesis {

namespace {

using feeder::Bus;
using feeder::Conductor;
using feeder::Connection;
using feeder::CsvRow;
using feeder::CsvTable;
using feeder::LineCode;
using feeder::LoadModel;
using feeder::Phase;
using feeder::PhaseSet;
using feeder::Transformer;
using feeder::TransformerCode;

constexpr double metres_per_foot = 0.3048;
constexpr double metres_per_mile = 1609.344;
constexpr double ct_secondary_a = 0.2;  // current transformers of regulators

struct Settings {
    std::string feeder_name;
    PopulateOptions options;
};

Settings read_settings_table(std::string const& folder, std::vector<core::Finding>& findings) {
    Settings settings;
    CsvTable const table{folder + "/settings.csv", {"setting", "value"}, findings};
    for (auto const& row : table.rows()) {
        switch (row.one_of("setting", {"feeder", "seed", "pv_penetration", "load_scale"})) {
            case 0: settings.feeder_name = row.text("value"); break;
            case 1: settings.options.seed = static_cast<std::uint64_t>(std::max(0, row.integer("value"))); break;
            case 2: settings.options.pv_penetration = row.number_within("value", 0.0, 1.0); break;
            default: settings.options.load_scale = row.number_within("value", 0.0, 100.0); break;
        }
    }
    return settings;
}

PhaseSet set_of(std::vector<Phase> const& phases) {
    PhaseSet set;
    for (Phase p : phases) set.insert(p);
    return set;
}

Conductor conductor(Phase p) {
    static constexpr std::array conductors{Conductor::a, Conductor::b, Conductor::c};
    return conductors[slot(p)];
}

/// Current at rated power, with the overload margins that the platform's files give to transformers.
feeder::Rating transformer_rating(double rated_va, double rated_v, std::size_t phases) {
    double const rated_a = rated_va / rated_v / (phases == 3 ? std::sqrt(3.0) : 1.0);
    return {1.1 * rated_a, 1.5 * rated_a};
}

/// Reads table by table into one feeder; later tables refer to earlier ones by name.
class Reader {
  public:
    explicit Reader(std::string folder) : folder_{std::move(folder)} {}

    feeder::Feeder run() {
        read_heading();
        read_buses();
        read_source();
        read_line_codes();
        read_lines();
        read_switches();
        read_transformers();
        read_regulators();
        read_loads();
        read_capacitors();
        read_pv();
        if (!findings_.empty()) throw core::InvalidInput{std::move(findings_)};
        feeder_.derive_bus_phases();
        return std::move(feeder_);
    }

  private:
    CsvTable open(std::string_view name, std::initializer_list<std::string_view> columns) {
        return {fmt::format("{}/{}", folder_, name), columns, findings_};
    }

    /// Adds a row under the name in column "name".
    template <class Row>
    Index<Row> add(feeder::Table<Row>& table, CsvRow const& row, std::string_view kind, Row const& element) {
        auto const name = row.text("name");
        if (!taken_.emplace(fmt::format("{} {}", kind, name)).second)
            row.finding("name", "stands twice in this table", "give every element of a kind its own name");
        return table.add(element, name, mrid_of(feeder_, kind, name));
    }

    Index<Bus> bus(CsvRow const& row, std::string_view column) {
        auto const found = bus_.find(row.text(column));
        if (found != bus_.end()) return found->second;
        row.finding(column, "is no bus", "add it to buses.csv");
        return {};
    }

    void read_heading() {
        auto const settings = read_settings_table(folder_, findings_);
        auto& heading = feeder_.heading;
        heading.name = settings.feeder_name;
        heading.mrid = core::name_uuid("feeder", heading.name);
        heading.substation = heading.name + "_substation";
        heading.substation_mrid = core::name_uuid(heading.mrid, "substation");
        heading.subregion = heading.name + "_subregion";
        heading.subregion_mrid = core::name_uuid(heading.mrid, "subregion");
        heading.region = heading.name + "_region";
        heading.region_mrid = core::name_uuid(heading.mrid, "region");
        heading.origin = folder_;
    }

    void read_buses() {
        auto const table = open("buses.csv", {"name", "nominal_kv", "x", "y"});
        for (auto const& row : table.rows()) {
            Bus const bus{.phases = {},
                          .base_v = 1000.0 * row.positive("nominal_kv") / std::sqrt(3.0),
                          .x = row.number("x"),
                          .y = row.number("y")};
            bus_.emplace(row.text("name"), add(feeder_.buses, row, "bus", bus));
        }
    }

    void read_source() {
        auto const table = open("source.csv", {"name", "bus", "nominal_kv", "voltage_pu", "angle_deg", "r1_ohm",
                                               "x1_ohm", "r0_ohm", "x0_ohm"});
        for (auto const& row : table.rows()) {
            double const nominal_v = 1000.0 * row.positive("nominal_kv");
            feeder::Source source;
            source.bus = bus(row, "bus");
            source.nominal_v = nominal_v;
            source.voltage_v = nominal_v * row.positive("voltage_pu");
            source.angle_rad = row.number("angle_deg") * std::numbers::pi / 180.0;
            source.r_ohm = row.number("r1_ohm");
            source.x_ohm = row.number("x1_ohm");
            source.r0_ohm = row.number("r0_ohm");
            source.x0_ohm = row.number("x0_ohm");
            add(feeder_.sources, row, "source", source);
        }
    }

    /// One line for each element of the lower triangle.
    void read_line_codes() {
        auto const table = open("line_codes.csv", {"line_code", "row", "column", "r_ohm_per_mile", "x_ohm_per_mile",
                                                   "b_microsiemens_per_mile"});
        for (auto const& row : table.rows()) {
            auto const name = row.text("line_code");
            auto const i = static_cast<std::size_t>(row.number_within("row", 1, 3)) - 1;
            auto const k = static_cast<std::size_t>(row.number_within("column", 1, 3)) - 1;
            if (i > 2 || k > 2) continue;
            auto found = line_code_.find(name);
            if (found == line_code_.end()) {
                auto const id =
                    feeder_.line_codes.add(LineCode{.conductors = 0}, name, mrid_of(feeder_, "line code", name));
                found = line_code_.emplace(name, id).first;
            }
            auto& code = feeder_.line_codes[found->second];
            code.conductors = std::max(code.conductors, static_cast<std::uint8_t>(std::max(i, k) + 1));
            code.r_ohm[i][k] = code.r_ohm[k][i] = row.number("r_ohm_per_mile") / metres_per_mile;
            code.x_ohm[i][k] = code.x_ohm[k][i] = row.number("x_ohm_per_mile") / metres_per_mile;
            code.b_s[i][k] = code.b_s[k][i] = 1e-6 * row.number("b_microsiemens_per_mile") / metres_per_mile;
        }
    }

    void read_lines() {
        auto const table = open("lines.csv", {"name", "from", "to", "phases", "line_code", "length_ft"});
        for (auto const& row : table.rows()) {
            feeder::Line line;
            line.from = bus(row, "from");
            line.to = bus(row, "to");
            auto const phases = row.phases("phases");
            std::ranges::copy(phases, line.phases.begin());
            line.conductors = static_cast<std::uint8_t>(phases.size());
            line.length_m = metres_per_foot * row.positive("length_ft");
            auto const code = line_code_.find(row.text("line_code"));
            if (code == line_code_.end()) {
                row.finding("line_code", "is no line code", "add it to line_codes.csv");
            } else {
                line.code = code->second;
                auto const conductors = feeder_.line_codes[line.code].conductors;
                if (conductors != line.conductors)
                    row.finding("phases", fmt::format("do not fit a line code of {} conductors", conductors),
                                "use the code of this line");
            }
            add(feeder_.lines, row, "line", line);
        }
    }

    void read_switches() {
        auto const table = open("switches.csv", {"name", "from", "to", "phases", "normal_position", "position"});
        for (auto const& row : table.rows()) {
            feeder::Switch element;
            element.from = bus(row, "from");
            element.to = bus(row, "to");
            element.phases = set_of(row.phases("phases"));
            element.normally_open = row.one_of("normal_position", {"closed", "open"}) == 1;
            if (row.one_of("position", {"closed", "open"}) == 0) element.closed = element.phases;
            add(feeder_.switches, row, "switch", element);
        }
    }

    /// Two windings alike for transformers and regulators. \param phases of the unit.
    struct Unit {
        Index<Bus> from, to;
        std::vector<Phase> phases;
        std::array<Connection, 2> connection{Connection::wye, Connection::wye};
        std::array<double, 2> rated_v{};
        double rated_va = 0.0, r_pu = 0.0, x_pu = 0.0;
    };

    static TransformerCode code_of(Unit const& unit) {
        TransformerCode code;
        bool const three_phase = unit.phases.size() == 3;
        code.form = three_phase ? TransformerCode::Form::three_phase_ends : TransformerCode::Form::tank_tests;
        code.phases = three_phase ? 3 : 1;
        auto const base_ohm = [&](std::size_t w) { return unit.rated_v[w] * unit.rated_v[w] / unit.rated_va; };
        for (std::size_t w = 0; w < 2; ++w)
            code.winding[w] = {.connection = three_phase ? unit.connection[w] : Connection::single,
                               .rated_v = unit.rated_v[w],
                               .rated_va = unit.rated_va,
                               .r_ohm = 0.5 * unit.r_pu * base_ohm(w)};
        if (!three_phase)
            for (std::size_t w = 0; w < 2; ++w) code.winding[w].emergency_va = 1.5 * unit.rated_va;
        code.short_circuit[0] = {0, 1, unit.r_pu * base_ohm(0), unit.x_pu * base_ohm(0)};
        return code;
    }

    Index<Transformer> add_unit(CsvRow const& row, Unit const& unit, std::string_view bank_name) {
        auto const name = row.text("name");
        bool const three_phase = unit.phases.size() == 3;
        auto found = bank_.find(bank_name);
        if (found == bank_.end()) {
            auto const id = feeder_.banks.add({}, bank_name, mrid_of(feeder_, "transformer bank", bank_name));
            found = bank_.emplace(bank_name, id).first;
        }
        Transformer element;
        element.bank = found->second;
        // A three-phase unit is one with its bank; its data are no catalogue entry.
        element.code = feeder_.transformer_codes.add(
            code_of(unit), name, three_phase ? std::string{} : mrid_of(feeder_, "transformer code", name));
        for (std::size_t w = 0; w < 2; ++w) {
            auto& winding = element.winding[w];
            winding.bus = w == 0 ? unit.from : unit.to;
            bool const to_neutral = unit.connection[w] != Connection::delta;
            std::ranges::transform(unit.phases, winding.conductors.begin(), conductor);
            if (to_neutral) winding.conductors[unit.phases.size()] = Conductor::neutral;
            winding.grounded = to_neutral;
        }
        element.winding[0].rating = transformer_rating(unit.rated_va, unit.rated_v[0], unit.phases.size());
        if (three_phase) return feeder_.transformers.add(element, name, feeder_.banks.mrid(element.bank));
        return add(feeder_.transformers, row, "transformer", element);
    }

    void read_transformers() {
        auto const table = open("transformers.csv", {"name", "from", "to", "from_connection", "to_connection",
                                                     "from_kv", "to_kv", "rated_kva", "r_percent", "x_percent"});
        for (auto const& row : table.rows()) {
            auto const connection = [&](std::string_view column) {
                return row.one_of(column, {"wye", "delta"}) == 0 ? Connection::wye : Connection::delta;
            };
            Unit const unit{.from = bus(row, "from"),
                            .to = bus(row, "to"),
                            .phases = {Phase::a, Phase::b, Phase::c},
                            .connection = {connection("from_connection"), connection("to_connection")},
                            .rated_v = {1000.0 * row.positive("from_kv"), 1000.0 * row.positive("to_kv")},
                            .rated_va = 1000.0 * row.positive("rated_kva"),
                            .r_pu = row.number("r_percent") / 100.0,
                            .x_pu = row.number("x_percent") / 100.0};
            add_unit(row, unit, row.text("name"));
        }
    }

    void read_regulators() {
        auto const table = open("regulators.csv", {"name", "bank", "from", "to", "phases", "rated_kv", "rated_kva",
                                                   "r_percent", "x_percent", "tap_step", "setting_v", "bandwidth_v",
                                                   "pt_ratio", "ct_rating_a", "compensator_r_v", "compensator_x_v"});
        for (auto const& row : table.rows()) {
            double const rated_v = 1000.0 * row.positive("rated_kv");
            Unit const unit{.from = bus(row, "from"),
                            .to = bus(row, "to"),
                            .phases = row.phases("phases"),
                            .rated_v = {rated_v, rated_v},
                            .rated_va = 1000.0 * row.positive("rated_kva"),
                            .r_pu = row.number("r_percent") / 100.0,
                            .x_pu = row.number("x_percent") / 100.0};
            if (unit.phases.size() == 2) row.finding("phases", "are two", "give each phase a row, or all three one");
            add_tap_changer(row, unit, add_unit(row, unit, row.text("bank")));
        }
    }

    void add_tap_changer(CsvRow const& row, Unit const& unit, Index<Transformer> transformer) {
        double const to_neutral_v = unit.rated_v[1] / (unit.phases.size() == 3 ? std::sqrt(3.0) : 1.0);
        feeder::TapChanger tap;
        tap.transformer = transformer;
        tap.step = static_cast<double>(row.integer("tap_step"));
        if (tap.step < tap.low_step || tap.step > tap.high_step)
            row.finding("tap_step", "is out of range", fmt::format("give {} to {}", tap.low_step, tap.high_step));
        tap.neutral_v = to_neutral_v;
        tap.control_enabled = true;
        tap.initial_delay_s = 15.0;
        tap.subsequent_delay_s = 2.0;
        tap.pt_ratio = row.positive("pt_ratio");
        tap.ct_rating_a = row.positive("ct_rating_a");
        tap.ct_ratio = tap.ct_rating_a / ct_secondary_a;
        auto& control = tap.control;
        control.present = true;
        control.enabled = true;
        control.has_monitored_phase = true;
        control.monitored_phase = unit.phases.front();
        control.monitored = {feeder::ElementKind::bank, feeder_.transformers[transformer].bank.value(), 2, unit.to};
        control.target = row.positive("setting_v");
        control.deadband = row.positive("bandwidth_v");
        control.line_drop_compensation = true;
        control.line_drop_r_v = row.number("compensator_r_v");
        control.line_drop_x_v = row.number("compensator_x_v");
        control.min_limit_v = 0.9 * to_neutral_v / tap.pt_ratio;
        control.max_limit_v = 1.1 * to_neutral_v / tap.pt_ratio;
        auto const name = fmt::format("c{}", row.text("name"));
        feeder_.tap_changers.add(tap, name, mrid_of(feeder_, "tap changer", name));
    }

    /// Shares in per cent; one model for each mix, named as the platform does.
    Index<LoadModel> load_model(CsvRow const& row) {
        double const z = row.number_within("impedance_percent", 0.0, 100.0);
        double const i = row.number_within("current_percent", 0.0, 100.0);
        double const p = row.number_within("power_percent", 0.0, 100.0);
        if (std::abs(z + i + p - 100.0) > 1e-9)
            row.finding("power_percent", "does not bring the three shares to 100 %", "shares add up to 100");
        auto const name = z == 100.0   ? std::string{"Constant Z"}
                          : i == 100.0 ? std::string{"Constant I"}
                          : p == 100.0 ? std::string{"Constant kVA"}
                                       : fmt::format("ZIP {} {} {}", z, i, p);
        auto found = load_model_.find(name);
        if (found == load_model_.end()) {
            LoadModel model;
            model.p_impedance = model.q_impedance = z / 100.0;
            model.p_current = model.q_current = i / 100.0;
            model.p_power = model.q_power = p / 100.0;
            auto const id = feeder_.load_models.add(model, name, mrid_of(feeder_, "load model", name));
            found = load_model_.emplace(name, id).first;
        }
        return found->second;
    }

    void read_loads() {
        auto const table = open("loads.csv", {"name", "bus", "phases", "connection", "p_kw", "q_kvar",
                                              "impedance_percent", "current_percent", "power_percent"});
        for (auto const& row : table.rows()) {
            feeder::Load load;
            load.bus = bus(row, "bus");
            bool const delta = row.one_of("connection", {"wye", "delta"}) == 1;
            load.connection = delta ? Connection::delta : Connection::wye;
            auto const phases = row.phases("phases");
            load.phases = delta ? delta_places(row, phases) : set_of(phases);
            auto const count = static_cast<double>(load.phases.size());
            for (Phase p : load.phases.list()) {
                load.p_w[slot(p)] = 1000.0 * row.number("p_kw") / count;
                load.q_var[slot(p)] = 1000.0 * row.number("q_kvar") / count;
            }
            load.grounded = !delta;
            load.model = load_model(row);
            add(feeder_.loads, row, "load", load);
        }
    }

    /// Places of a delta load: AB is A, BC is B, CA is C.
    static PhaseSet delta_places(CsvRow const& row, std::vector<Phase> const& phases) {
        if (phases.size() == 3) return PhaseSet::abc();
        for (Phase p : PhaseSet::abc().list()) {
            auto const pair = feeder::delta_pair(p);
            if (std::ranges::is_permutation(phases, pair)) {
                PhaseSet place;
                place.insert(p);
                return place;
            }
        }
        row.finding("phases", "is no connection of a delta load", "write AB, BC, CA or ABC");
        return PhaseSet::abc();
    }

    void read_capacitors() {
        auto const table = open("capacitors.csv", {"name", "bus", "phases", "q_kvar", "nominal_kv"});
        for (auto const& row : table.rows()) {
            feeder::Capacitor capacitor;
            capacitor.bus = bus(row, "bus");
            capacitor.phases = set_of(row.phases("phases"));
            capacitor.nominal_v = 1000.0 * row.positive("nominal_kv");
            double const b_s = 1000.0 * row.positive("q_kvar") / (capacitor.nominal_v * capacitor.nominal_v);
            for (Phase p : capacitor.phases.list()) {
                capacitor.b_per_section_s[slot(p)] = b_s;
                capacitor.sections[slot(p)] = 1.0;
            }
            if (capacitor.phases.size() == 2)
                row.finding("phases", "are two", "give each phase a row, or all three one");
            add(feeder_.capacitors, row, "capacitor", capacitor);
        }
    }

    void read_pv() {
        auto const table = open("pv.csv", {"name", "bus", "phases", "p_kw", "rated_kva"});
        for (auto const& row : table.rows()) {
            feeder::PvSystem pv;
            auto const at = bus(row, "bus");
            auto const phases = set_of(row.phases("phases"));
            double const base_v = at.valid() ? feeder_.buses[at].base_v : 1.0;
            pv.max_p_w = 1000.0 * row.positive("p_kw");
            pv.inverter = inverter(at, phases, base_v, pv.max_p_w, 1000.0 * row.positive("rated_kva"));
            auto const name = row.text("name");
            if (!taken_.emplace(fmt::format("pv {}", name)).second)
                row.finding("name", "stands twice in this table", "give every element of a kind its own name");
            add_pv(feeder_, pv, name, mrid_of(feeder_, "pv unit", name), name, mrid_of(feeder_, "pv connection", name));
        }
    }

    std::string folder_;
    std::vector<core::Finding> findings_;
    feeder::Feeder feeder_;
    std::unordered_set<std::string> taken_;
    std::map<std::string, Index<Bus>, std::less<>> bus_;
    std::map<std::string, Index<LineCode>, std::less<>> line_code_;
    std::map<std::string, Index<feeder::Bank>, std::less<>> bank_;
    std::map<std::string, Index<LoadModel>, std::less<>> load_model_;
};

}  // namespace

feeder::Feeder read_tables(std::string const& folder) { return Reader{folder}.run(); }

PopulateOptions read_settings(std::string const& folder) {
    std::vector<core::Finding> findings;
    auto const settings = read_settings_table(folder, findings);
    if (!findings.empty()) throw core::InvalidInput{std::move(findings)};
    return settings.options;
}

}  // namespace dec::synthesis
