#include "support/complete_feeder.hpp"

#include <cmath>
#include <string>

namespace dec::test {

using core::Index;
using feeder::Area;
using feeder::Bank;
using feeder::Battery;
using feeder::Bus;
using feeder::Capacitor;
using feeder::Conductor;
using feeder::Connection;
using feeder::ElementKind;
using feeder::Inverter;
using feeder::Line;
using feeder::LineCode;
using feeder::Load;
using feeder::LoadModel;
using feeder::Measurement;
using feeder::Phase;
using feeder::PhaseSet;
using feeder::PvSystem;
using feeder::Rating;
using feeder::RegulatorControl;
using feeder::Switch;
using feeder::TapChanger;
using feeder::TerminalRef;
using feeder::Transformer;
using feeder::TransformerCode;

namespace {

constexpr auto n = Conductor::neutral;
constexpr std::array<Conductor, 4> abc{Conductor::a, Conductor::b, Conductor::c};
constexpr std::array<Conductor, 4> abcn{Conductor::a, Conductor::b, Conductor::c, n};

class Builder {
  public:
    feeder::Feeder build() {
        heading();
        areas();
        buses();
        lines();
        switches();
        transformers();
        tap_changers();
        loads();
        capacitors();
        inverters();
        f.machines.add({at("634"), PhaseSet::abc(), 50e3, -10e3, 75e3, 480.0, mid}, "diesel", "engine 1");
        f.machines.add({at("684"), {Phase::c}, 5e3, 1e3, 6e3, 4160.0, mid}, "chp");
        measurements();
        f.derive_bus_phases();
        return std::move(f);
    }

  private:
    Index<Bus> at(std::string_view name) const {
        for (auto id : f.buses.ids())
            if (f.buses.name(id) == name) return id;
        throw std::logic_error{"no bus " + std::string{name}};
    }

    void heading() {
        f.heading = {"complete",
                     "_5B816B93-7A5F-B64C-8460-47C17D6E4B0F",
                     "Sub & Station",
                     "6C62C905-6FC7-653D-9F1E-1340F974A587",
                     "Small",
                     "abeb635f-729d-24bf-b8a4-e2ef268d8b9e",
                     "Région",
                     "73C512BD-7249-4F50-50DA-D93849B89C43",
                     "complete_feeder.cpp"};
    }

    void areas() {
        whole = f.areas.add({Area::Kind::feeder, {}}, "complete", "b6373777-16cb-45d7-9bf0-6f51d91cf949");
        head = f.areas.add({Area::Kind::switch_delimited, whole}, "complete.0", "2cff1e26-8f8f-42b5-b054-87f28523d303");
        mid = f.areas.add({Area::Kind::switch_delimited, whole}, "complete.1");
        served = f.areas.add({Area::Kind::secondary, mid}, "complete.1.0", "area of the house");
    }

    void buses() {
        struct Place {
            char const* name;
            double nominal_v, x, y;
        };
        for (auto const& [name, nominal_v, x, y] : {Place{"source <115 kV>", 115e3, 200.0, 400.0},
                                                    {"hsb", 115e3, 200.5, -1.25e-3},
                                                    {"650", 4160.0, 0.0, 0.0},
                                                    {"650z", 13.2e3, feeder::unknown, feeder::unknown},
                                                    {"rg60", 4160.0, 1.0, 0.0},
                                                    {"632", 4160.0, 2.0, 0.0},
                                                    {"633", 4160.0, 3.0, 1.0},
                                                    {"634", 480.0, 4.0, 1.0},
                                                    {"671", 4160.0, 2.0, -1.0},
                                                    {"684", 4160.0, 1.0 / 3.0, -1.0},
                                                    {"611", 4160.0, 5.0, 5.0},
                                                    {"house", 208.0, 6.0, 6.0},
                                                    {"kitchen", 208.0, 7.0, 6.0},
                                                    {"delta", 4160.0, 8.0, 6.0},
                                                    {"industry", 480.0, 9.0, 6.0},
                                                    {"ideal", 240.0 * std::sqrt(3.0), 10.0, 6.0},
                                                    {"open end", 4160.0, 11.0, 6.0}})
            f.buses.add({{}, nominal_v / std::sqrt(3.0), x, y}, name);
    }

    // ---- lines

    LineCode matrix_code(std::uint8_t conductors, double scale, double g) {
        LineCode code;
        code.conductors = conductors;
        for (std::size_t i = 0; i < conductors; ++i)
            for (std::size_t k = 0; k < conductors; ++k) {
                auto const coupling = static_cast<double>(i + k);
                code.r_ohm[i][k] = scale * (i == k ? 2.8e-4 + 1e-5 * coupling : 9.7e-5 / (1.0 + coupling));
                code.x_ohm[i][k] = scale * (i == k ? 6.6e-4 - 1e-5 * coupling : 2.4e-4 / (1.0 + coupling));
                code.b_s[i][k] = i == k ? 3.5271305e-09 : -1.1e-9 / (1.0 + coupling);
                code.g_s[i][k] = i == k ? g : 0.0;
            }
        return code;
    }

    LineCode sequence_code(LineCode::Form form, double scale) {
        LineCode code;
        code.form = form;
        code.r_ohm = feeder::from_sequence(0.000551156 * scale, 0.001350357 * scale);
        code.x_ohm = feeder::from_sequence(0.000200765 * scale, 0.000426882 * scale);
        code.b_s = feeder::from_sequence(3.1e-9 * scale, 1.7e-9 * scale);
        code.g_s = feeder::from_sequence(0.0, 2e-12 * scale);
        return code;
    }

    void line(char const* name, char const* from, char const* to, std::initializer_list<Phase> phases,
              Index<LineCode> code, double length_m, Rating rating, Index<Area> area, char const* mrid = "") {
        Line row;
        row.from = at(from);
        row.to = at(to);
        for (Phase p : phases) row.phases[row.conductors++] = p;
        row.code = code;
        row.length_m = length_m;
        row.rating = rating;
        row.area = area;
        f.lines.add(row, name, mrid);
    }

    void lines() {
        auto const three =
            f.line_codes.add(matrix_code(3, 1.0, 1e-13), "mtx601", "12C526C5-6645-4C0C-83CD-3030C440DA17");
        auto const two = f.line_codes.add(matrix_code(2, 1.1, 0.0), "mtx603");
        auto const one = f.line_codes.add(matrix_code(1, 1.2, 0.0), "mtx605", "a code's own name");
        auto const triplex = f.line_codes.add(matrix_code(2, 4.0, 0.0), "triplex");
        auto const sequence = f.line_codes.add(sequence_code(LineCode::Form::sequence, 1.0), "seq");
        auto const own = f.line_codes.add(sequence_code(LineCode::Form::whole_line, 300.0), "632671");
        line("650632", "rg60", "632", {Phase::a, Phase::b, Phase::c}, three, 609.6, {400.0, 600.0}, head,
             "45395C84-F20A-4F5A-977F-B80348256421");
        line("632633", "632", "633", {Phase::b, Phase::c, Phase::a}, sequence, 152.4, {400.0, feeder::unknown}, head,
             "_45395C84-F20A-4F5A-977F-B80348256422");
        line("632671", "632", "671", {Phase::a, Phase::b, Phase::c}, own, 609.6, {feeder::unknown, 600.0}, mid);
        line("671684", "671", "684", {Phase::c, Phase::a}, two, 91.44, {400.0, 600.0}, mid);
        line("684611", "684", "611", {Phase::c}, one, 1.0 / 3.0, {}, mid);
        line("drop \"1\" & 'a'", "house", "kitchen", {Phase::s1, Phase::s2}, triplex, 15.0, {100.0, 150.0}, served);
        f.series_compensators.add(
            {at("source <115 kV>"), at("hsb"), PhaseSet::abc(), 0.1, 14.798307, 0.2, 15.0, {500.0, 501.0}, whole},
            "hvmv_hsb");
    }

    /// A chain beyond 671 through every kind of switch, its last piece single-phase, a tie beside it open.
    void switches() {
        using Kind = Switch::Kind;
        auto from = at("671");
        std::size_t number = 0;
        for (auto kind : {Kind::load_break_switch, Kind::breaker, Kind::recloser, Kind::fuse, Kind::sectionaliser,
                          Kind::disconnector, Kind::jumper, Kind::ground_disconnector, Kind::plain}) {
            auto const name = std::to_string(++number);
            auto const to =
                f.buses.add({{}, 4160.0 / std::sqrt(3.0), 20.0 + static_cast<double>(number), 0.0}, "s" + name);
            bool const last = kind == Kind::plain;
            PhaseSet const phases = last ? PhaseSet{Phase::b} : PhaseSet::abc();
            f.switches.add({kind,
                            from,
                            to,
                            phases,
                            phases,
                            kind == Kind::recloser,
                            400.0 + static_cast<double>(number),
                            kind == Kind::fuse ? feeder::unknown : 600.0,
                            {},
                            number == 1 ? whole : mid},
                           "sw" + name);
            from = to;
        }
        // two poles conduct; an open tie beyond; a switch of which nothing is known but that it is there
        auto const half = f.buses.add({{}, 4160.0 / std::sqrt(3.0), 31.0, 0.0}, "half");
        f.switches.add({Kind::load_break_switch,
                        at("s2"),
                        half,
                        PhaseSet::abc(),
                        {Phase::a, Phase::c},
                        false,
                        200.0,
                        feeder::unknown,
                        {300.0, 350.0},
                        mid},
                       "two poles");
        f.switches.add({Kind::breaker,
                        half,
                        at("open end"),
                        {Phase::a, Phase::c},
                        {},
                        true,
                        feeder::unknown,
                        feeder::unknown,
                        {},
                        mid},
                       "tie");
        f.switches.add({Kind::breaker,
                        at("rg60"),
                        at("open end"),
                        PhaseSet::abc(),
                        PhaseSet::abc(),
                        false,
                        feeder::unknown,
                        feeder::unknown,
                        {},
                        whole},
                       "feeds the open end");
    }

    // ---- transformers

    Index<Transformer> unit(char const* name, Index<Bank> bank, Index<TransformerCode> code, Index<Area> area,
                            std::initializer_list<Transformer::Winding> windings, char const* mrid = "") {
        Transformer row;
        row.bank = bank;
        row.code = code;
        row.area = area;
        std::size_t w = 0;
        for (auto const& winding : windings) row.winding[w++] = winding;
        return f.transformers.add(row, name, mrid);
    }

    static TransformerCode tank_code(std::initializer_list<TransformerCode::Winding> windings,
                                     std::initializer_list<TransformerCode::ShortCircuit> tests, double no_load_w,
                                     double no_load_var) {
        TransformerCode code;
        code.windings = static_cast<std::uint8_t>(windings.size());
        std::size_t w = 0;
        for (auto const& winding : windings) {
            code.winding[w++] = winding;
            if (winding.connection != Connection::single) code.phases = 3;
        }
        std::size_t k = 0;
        for (auto const& test : tests) code.short_circuit[k++] = test;
        code.no_load_w = no_load_w;
        code.no_load_var = no_load_var;
        return code;
    }

    void substation() {
        TransformerCode code = tank_code({{Connection::delta, 115e3, 5e6, feeder::unknown, 13.225, 0},
                                          {Connection::wye, 4160.0, 5e6, feeder::unknown, 0.0173, 1},
                                          {Connection::wye, 13.2e3, 1e6, feeder::unknown, 0.87, -1}},
                                         {{0, 1, 26.45, 211.6}, {0, 2, 27.0, 300.0}, {1, 2, 0.04, 0.5}}, 5000.0, 20e3);
        code.form = TransformerCode::Form::three_phase_ends;
        auto const bank = f.banks.add({whole}, "sub3", "1E6B5C97-C4E8-4CED-B9A5-6E69F389DA93");
        unit("sub3", bank, f.transformer_codes.add(code, "sub3"), whole,
             {{at("hsb"), abc, false, 0.0, 0.0, {25.0, 37.0}},
              {at("650"), abcn, true, 0.0, 0.4, {}},
              {at("650z"), abc, false, 0.0, 0.0, {feeder::unknown, 44.0}}},
             "1E6B5C97-C4E8-4CED-B9A5-6E69F389DA93");
    }

    void step_down() {
        TransformerCode code = tank_code({{Connection::delta, 4160.0, 5e5, feeder::unknown, 0.19, 0},
                                          {Connection::wye, 480.0, 5e5, feeder::unknown, 0.0025, 1}},
                                         {{0, 1, 0.3807232, 0.692224}}, 0.0, 0.0);
        code.form = TransformerCode::Form::three_phase_ends;
        auto const bank = f.banks.add({head}, "xfm1");
        end_regulated = unit("xfm1", bank, f.transformer_codes.add(code, "xfm1"), head,
                             {{at("633"), abc, false, 0.0, 0.0, {}}, {at("634"), abcn, true, 0.5, 0.1, {}}});
    }

    void regulators() {
        auto const code = f.transformer_codes.add(tank_code({{Connection::single, 2400.0, 1666e3, 2499e3, 1.7e-4, 0},
                                                             {Connection::single, 2400.0, 1666e3, 2499e3, 1.7e-4, 0}},
                                                            {{0, 1, 3.4573830e-4, 3.45738e-4}}, 0.0, 0.0),
                                                  "regulator", "70FD7F8F-EF10-425E-AA73-955F13E4486C");
        reg_bank = f.banks.add({head}, "Reg", "67B57539-590B-4158-9CBB-9DBA2FE6C1F0");
        for (Phase p : PhaseSet::abc().list()) {
            auto const c = static_cast<Conductor>(static_cast<int>(p) + 1);
            reg[slot(p)] =
                unit(p == Phase::a   ? "reg a"
                     : p == Phase::b ? "reg b"
                                     : "reg c",
                     reg_bank, code, head,
                     {{at("650"), {c, n}, true, 0.0, 0.0, {668.0, 1002.0}}, {at("rg60"), {c, n}, true, 0.0, 0.0, {}}});
        }
    }

    void open_delta() {
        auto const code =
            f.transformer_codes.add(tank_code({{Connection::single, 4160.0, 2e6, feeder::unknown, 4e-4, 0},
                                               {Connection::single, 4160.0, 2e6, feeder::unknown, 4e-4, 0}},
                                              {{0, 1, 8.0e-4, 8.0e-3}}, 120.0, 0.0),
                                    "open delta");
        auto const bank = f.banks.add({mid}, "pair");
        using enum Conductor;
        unit("pair ab", bank, code, mid,
             {{at("671"), {a, b}, false, 0.0, 0.0, {}}, {at("delta"), {a, b}, false, 0.0, 0.0, {}}});
        delta_regulated = unit("pair cb", bank, code, mid,
                               {{at("671"), {c, b}, false, 0.0, 0.0, {}}, {at("delta"), {c, b}, false, 0.0, 0.0, {}}});
    }

    void service_transformers() {
        using enum Conductor;
        auto const ct25 = f.transformer_codes.add(
            tank_code({{Connection::single, 2400.0, 25e3, 37.5e3, 1.3824, 0},
                       {Connection::single, 120.0, 25e3, 37.5e3, 0.006912, 0},
                       {Connection::single, 120.0, 25e3, feeder::unknown, 0.006912, 6}},
                      {{0, 1, 4.1472, 4.700159}, {0, 2, 4.1472, 4.700159}, {1, 2, 0.013824, 0.0078335}}, 50.0, 114.564),
            "ct25");
        auto const house = f.banks.add({served}, "tpoletop");
        unit("tpoletop", house, ct25, served,
             {{at("684"), {a, n}, true, 0.0, 0.0, {10.4, 15.6}},
              {at("house"), {s1, n}, true, 0.0, 0.0, {}},
              {at("house"), {n, s2}, true, 0.0, 0.0, {}}});
        auto const three_phase = f.transformer_codes.add(tank_code({{Connection::delta, 4160.0, 150e3, 225e3, 0.73, 0},
                                                                    {Connection::wye, 480.0, 150e3, 225e3, 0.01, 1}},
                                                                   {{0, 1, 1.4652075, 3.1380821}}, 300.0, 900.0),
                                                         "pad150");
        auto const industry = f.banks.add({mid}, "pad");
        unit("pad", industry, three_phase, mid,
             {{at("671"), abc, false, 0.0, 0.0, {}}, {at("industry"), abcn, true, 0.0, 0.0, {180.0, 200.0}}});
        auto const resistive =
            f.transformer_codes.add(tank_code({{Connection::single, 2400.0, 10e3, feeder::unknown, 2.0, 0},
                                               {Connection::single, 240.0, 10e3, feeder::unknown, 0.02, 0}},
                                              {{0, 1, 4.0 / 3.0, 0.0}}, 70.0 / 3.0, 0.0),
                                    "resistive");
        auto const ideal = f.banks.add({mid}, "small");
        unit("small", ideal, resistive, mid,
             {{at("611"), {c, n}, true, 0.0, 0.0, {}}, {at("ideal"), {c, n}, true, 0.0, 0.0, {}}});
    }

    void transformers() {
        substation();
        regulators();
        step_down();
        open_delta();
        service_transformers();
        f.sources.add(
            {at("source <115 kV>"), 115e3, 116.15e3, 0.52359878, 0.16037668, 0.64150673, 0.17960358, 0.53881075, whole},
            "source", "8B452737-CA3D-4C10-A99D-6865506437C8");
    }

    void tap_changers() {
        TapChanger full{.transformer = reg[0],
                        .winding = 1,
                        .step = 10.0,
                        .neutral_step = 1,
                        .normal_step = 2,
                        .low_step = -15,
                        .high_step = 17,
                        .increment_percent = 0.7,
                        .neutral_v = 2400.0,
                        .ltc = false,
                        .control_enabled = true,
                        .initial_delay_s = 15.0,
                        .subsequent_delay_s = 2.5,
                        .pt_ratio = 20.0,
                        .ct_rating_a = 700.0,
                        .ct_ratio = 3500.0,
                        .control = {}};
        full.control = {.present = true,
                        .enabled = true,
                        .discrete = false,
                        .mode = RegulatorControl::Mode::voltage,
                        .monitored_phase = Phase::a,
                        .has_monitored_phase = true,
                        .monitored = {ElementKind::bank, reg_bank.value(), 2, at("rg60")},
                        .target = 122.0,
                        .deadband = 2.0,
                        .line_drop_compensation = true,
                        .line_drop_r_v = 3.0,
                        .line_drop_x_v = 9.0,
                        .reverse_line_drop_r_v = 1.0,
                        .reverse_line_drop_x_v = 2.0,
                        .min_limit_v = 108.0,
                        .max_limit_v = 132.0,
                        .reversible = true,
                        .reverse_target = 121.0,
                        .reverse_deadband = 3.0};
        f.tap_changers.add(full, "creg a", "5B8EA691-0051-4CF2-9A03-140171317E4D");
        TapChanger plain;
        plain.transformer = reg[1];
        plain.step = -1.5;
        f.tap_changers.add(plain, "creg b");
        plain.transformer = end_regulated;
        plain.step = 4.0;
        plain.control = {.present = true, .monitored = {ElementKind::load, 0, 1, at("634")}, .target = 120.0};
        f.tap_changers.add(plain, "creg xfm1");
        plain.transformer = delta_regulated;
        plain.control.monitored = {ElementKind::bank, f.transformers[delta_regulated].bank.value(), 2, at("delta")};
        plain.control.monitored_phase = Phase::b;
        plain.control.has_monitored_phase = true;
        f.tap_changers.add(plain, "creg cb");
    }

    // ---- what hangs on one bus

    void loads() {
        auto const power = f.load_models.add({}, "Constant kVA", "76011ACA-EE17-4D61-8224-6BDBBC8FFB97");
        auto const impedance = f.load_models.add({false, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0}, "Constant Z");
        auto const mixed = f.load_models.add({false, 0.1, 0.2, 0.7, 0.3, 0.6, 0.1, 0.0, 0.0}, "ZIP");
        LoadModel exponential;
        exponential.exponential = true;
        exponential.p_exponent = 0.8;
        exponential.q_exponent = 3.0;
        auto const motor = f.load_models.add(exponential, "Motor");
        auto const add = [this](char const* name, char const* bus, Connection connection, PhaseSet phases,
                                feeder::PerPhase p, feeder::PerPhase q, Index<LoadModel> model, int customers,
                                bool grounded, Index<Area> area) {
            f.loads.add({at(bus), connection, phases, p, q, model, customers, grounded, area}, name);
        };
        add("634", "634", Connection::wye, PhaseSet::abc(), {160e3, 120e3, 120e3}, {110e3, 90e3, 90e3}, power, 12, true,
            head);
        add("671", "671", Connection::delta, PhaseSet::abc(), {1e5 / 3.0, 1e5 / 3.0, 1e5 / 3.0},
            {2e5 / 3.0, 2e5 / 3.0, 2e5 / 3.0}, impedance, 1, false, mid);
        add("delta between phases", "671", Connection::delta, {Phase::b}, {0.0, 7e3, 0.0}, {0.0, -1e3, 0.0}, mixed, 0,
            false, mid);
        add("611 | lamp", "611", Connection::wye, {Phase::c}, {0.0, 0.0, 17e3}, {0.0, 0.0, 8e3}, motor, 1, true, mid);
        add("kitchen", "kitchen", Connection::wye, PhaseSet::split(), {900.0, 600.0, 0.0}, {100.0, 0.0, 0.0}, {}, 1,
            true, served);
        add("washing", "kitchen", Connection::wye, {Phase::s2}, {0.0, 450.5, 0.0}, {0.0, 12.25, 0.0}, power, 1, false,
            served);
        add("beyond", "s8", Connection::wye, PhaseSet::abc(), {1e3, 1e3, 1e3}, {5e2, 5e2, 5e2}, power, 3, true, {});
    }

    void capacitors() {
        Capacitor bank;
        bank.bus = at("671");
        bank.phases = PhaseSet::abc();
        bank.nominal_v = 4160.0;
        bank.b_per_section_s.fill(0.034670858);
        bank.sections.fill(2.0);
        bank.maximum_sections = 4;
        bank.normal_sections = 3;
        bank.delay_s = 100.0;
        bank.rating = {112.41676, 149.88901};
        bank.area = mid;
        bank.control = {.present = true,
                        .enabled = true,
                        .mode = RegulatorControl::Mode::reactive_power,
                        .monitored_phase = Phase::c,
                        .has_monitored_phase = true,
                        .monitored = {ElementKind::line, 0, 2, at("632")},
                        .target = -37500.0,
                        .deadband = 375000.0};
        f.capacitors.add(bank, "cap1", "A9DE8829-58CB-4750-B2A2-672846A89753");
        bank.control = {};
        bank.rating = {};
        bank.connection = Connection::delta;
        bank.grounded = false;
        bank.sections = {1.0, 0.0, 1.0};
        f.capacitors.add(bank, "one phase off");
        bank.sections = {2.0, 2.0, 2.0};
        f.capacitors.add(bank, "delta bank");
        bank.phases = {Phase::b};
        bank.sections = {0.0, 2.0, 0.0};
        bank.b_per_section_s = {0.0, 0.0086671, 0.0};
        f.capacitors.add(bank, "between two phases");
        using Mode = RegulatorControl::Mode;
        for (auto mode : {Mode::voltage, Mode::current_flow, Mode::active_power, Mode::time, Mode::power_factor,
                          Mode::admittance, Mode::temperature}) {
            Capacitor single;
            single.bus = at("611");
            single.phases = {Phase::c};
            single.nominal_v = 2400.0;
            single.b_per_section_s[2] = 0.017361111;
            single.sections[2] = 1.0;
            single.control.present = true;
            single.control.mode = mode;
            single.area = mid;
            f.capacitors.add(single, "cap " + std::to_string(static_cast<int>(mode)));
        }
    }

    void inverters() {
        Inverter three{at("634"),
                       Connection::wye,
                       PhaseSet::abc(),
                       {80e3, 80e3, 80e3},
                       {1e3, 1e3, 1e3},
                       300e3,
                       480.0,
                       -75e3,
                       75e3,
                       1.1111111,
                       Inverter::ControlMode::constant_reactive_power};
        feeder::add_pv(f, {three, 300e3, 60e3, head}, "school", "15EEE173-CC90-4888-B9B8-43916D56890C", "school",
                       "CEC0FC3A-0FD1-4F1C-9C51-7D9BEF4D8222");
        Inverter single{at("611"), Connection::wye, {Phase::c}, {0.0, 0.0, 9.5e3}, {}, 10e3, 4156.9219};
        single.control_mode = Inverter::ControlMode::dynamic;
        feeder::add_pv(f, {single, 10e3, 0.0, mid}, "roof", "", "roof's inverter", "");
        Inverter legs{at("house"), Connection::wye, PhaseSet::split(), {2000.0, 1900.0, 0.0}, {0.0, 10.0, 0.0}, 5e3,
                      208.0};
        feeder::add_pv(f, {legs, 5e3, 1e3, served}, "house", "pv of the house", "house", "connection of the house");
        using State = Battery::State;
        for (auto state : {State::waiting, State::charging, State::discharging, State::full, State::empty}) {
            auto const number = std::to_string(static_cast<int>(state));
            Inverter row = legs;
            row.p_w = {-2500.0, -2500.0, 0.0};
            feeder::add_battery(f, {row, 5e3, -5e3, 13.5e3, 5e3, state, served},
                                state == State::full ? "school" : "battery " + number, "", "connection " + number, "");
        }
    }

    void measurement(std::string const& name, Measurement::Type type, PhaseSet phases, bool discrete,
                     TerminalRef where) {
        f.measurements.add({type, phases, discrete, where}, name);
    }

    void measurements() {
        using Type = Measurement::Type;
        auto const a = PhaseSet{Phase::a};
        measurement("line PNV", Type::voltage, a, false, {ElementKind::line, 0, 2, at("632")});
        measurement("line VA", Type::power, PhaseSet::abc(), false, {ElementKind::line, 0, 1, at("rg60")});
        measurement("switch A", Type::current, a, false, {ElementKind::switch_, 0, 1, at("671")});
        measurement("switch Pos", Type::position, a, true, {ElementKind::switch_, 0, 1, at("671")});
        measurement("compensator PNV", Type::voltage, a, false, {ElementKind::series_compensator, 0, 2, at("hsb")});
        for (Phase p : PhaseSet::abc().list())
            measurement("bank Pos " + std::string{to_text(p)}, Type::position, {p}, true,
                        {ElementKind::bank, reg_bank.value(), 2, at("rg60")});
        measurement("tank PNV", Type::voltage, {Phase::b}, false,
                    {ElementKind::transformer, reg[1].value(), 1, at("650")});
        measurement("tap Pos", Type::position, a, true, {ElementKind::tap_changer, 0, 2, at("rg60")});
        measurement("load VA", Type::power, {Phase::s1}, false, {ElementKind::load, 4, 1, at("kitchen")});
        measurement("load both legs", Type::power, PhaseSet::split(), false, {ElementKind::load, 4, 1, at("kitchen")});
        measurement("capacitor Pos", Type::position, {Phase::c}, true, {ElementKind::capacitor, 0, 1, at("671")});
        measurement("pv VA", Type::power, {Phase::c}, false, {ElementKind::pv, 1, 1, at("611")});
        measurement("battery SoC", Type::state_of_charge, {}, false, {ElementKind::battery, 0, 1, at("house")});
        measurement("machine VA", Type::power, a, false, {ElementKind::machine, 0, 1, at("634")});
        measurement("source PNV", Type::voltage, a, false, {ElementKind::source, 0, 1, at("source <115 kV>")});
    }

    feeder::Feeder f;
    Index<Area> whole, head, mid, served;
    Index<Bank> reg_bank;
    std::array<Index<Transformer>, 3> reg;
    Index<Transformer> end_regulated, delta_regulated;
};

}  // namespace

feeder::Feeder complete_feeder() { return Builder{}.build(); }

}  // namespace dec::test
