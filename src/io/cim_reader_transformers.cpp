/// \file cim_reader_transformers.cpp
/// Transformers, either of tanks with catalogue data or of three-phase ends with impedances of their own; tap changers.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>

#include "cim_context.hpp"
#include "dec/feeder/windings.hpp"

namespace dec::io::cim {

using core::Index;
using feeder::Bank;
using feeder::Conductor;
using feeder::Connection;
using feeder::ElementKind;
using feeder::Transformer;
using feeder::TransformerCode;

namespace {

constexpr std::size_t most_windings = 3;
constexpr std::string_view zero_sequence_note = "differs from positive sequence, which is taken";

/// Place of a pair of windings in TransformerCode::short_circuit.
std::size_t pair_place(std::size_t a, std::size_t b) { return a + b - 1; }
std::size_t pair_count(std::size_t windings) { return windings == 2 ? 1 : 3; }
constexpr std::array<std::array<std::size_t, 2>, 3> pairs{{{0, 1}, {0, 2}, {1, 2}}};

// ---- windings

std::optional<Connection> connection_of(Context& context, ObjectId id, std::string_view attribute) {
    auto const kind = context.text(id, attribute);
    if (kind == "D") return Connection::delta;
    if (kind == "Y" || kind == "Yn") return Connection::wye;
    if (kind == "I") return Connection::single;
    if (kind == "A") return Connection::series;
    context.finding(
        id,
        kind ? fmt::format("{} = \"{}\" is not supported", attribute, *kind) : fmt::format("{} is missing", attribute),
        "windings are D, Y, Yn, I or A");
    return std::nullopt;
}

double positive_number(Context& context, ObjectId id, std::string_view attribute) {
    auto const value = context.required_number(id, attribute);
    if (value <= 0.0)
        context.finding(id, fmt::format("{} = {} is not positive", attribute, value), "give the rated value");
    return value;
}

/// Attributes that the two kinds of end have under different prefixes.
void read_winding(Context& context, ObjectId id, std::string_view prefix, TransformerCode::Winding& winding) {
    auto const attribute = [&](std::string_view suffix) { return fmt::format("{}.{}", prefix, suffix); };
    winding.connection = connection_of(context, id, attribute("connectionKind")).value_or(Connection::wye);
    winding.rated_v = positive_number(context, id, attribute("ratedU"));
    winding.rated_va = positive_number(context, id, attribute("ratedS"));
    winding.r_ohm = context.number_or(id, attribute("r"), 0.0);
    winding.clock = static_cast<std::int8_t>(context.integer_or(id, attribute("phaseAngleClock"), 0));
}

/// CIM's "A" is the common winding of an autotransformer; here the winding with which it is in series says so.
void name_series_winding(Context& context, std::vector<ObjectId> const& ends, TransformerCode& code) {
    for (std::size_t w = 0; w < ends.size(); ++w) {
        auto& winding = code.winding[w].connection;
        if (winding != Connection::series) continue;
        winding = code.winding[0].connection;
        if (w == 1 && winding != Connection::delta) {
            code.winding[0].connection = Connection::series;
            return;
        }
        context.finding(ends[w], "has connectionKind A",
                        "the common winding is the second one, after one that is Y or I");
    }
}

/// How the neutral is grounded; of a three-phase wye that says it is not, it is no conductor of the network.
/// \pre the winding's conductors are set.
void read_grounding(Context& context, ObjectId end, Transformer::Winding& winding) {
    auto const neutral = std::ranges::find(winding.conductors, Conductor::neutral);
    bool const has_neutral = neutral != winding.conductors.end();
    winding.grounded = context.flag_or(end, "TransformerEnd.grounded", has_neutral);
    winding.ground_r_ohm = context.number(end, "TransformerEnd.rground").value_or(0.0);
    winding.ground_x_ohm = context.number(end, "TransformerEnd.xground").value_or(0.0);
    if (!has_neutral || winding.grounded) return;
    auto const what = qualified(context.objects.class_name(end), "TransformerEnd.grounded");
    if (winding.ground_r_ohm != 0.0 || winding.ground_x_ohm != 0.0) {
        context.assume(end, what, "false: the neutral has an impedance to ground and is taken as grounded through it");
    } else if (winding.conductors.back() == Conductor::neutral) {
        *neutral = Conductor::none;
        context.assume(end, what,
                       "false: the neutral is free in the AC power flow, the linear model takes it as grounded");
    } else {
        context.assume(end, what, "false: the neutral of the winding is taken as grounded all the same");
    }
}

/// The neutral of a secondary is the return of its legs: whatever grounds it there carries nothing.
/// \pre the windings' conductors are set.
void expect_no_grounding_of_secondaries(Context& context, std::vector<ObjectId> const& ends, Transformer const& row) {
    for (std::size_t i = 0; i < ends.size(); ++i) {
        if (!row.phases(i).has_legs()) continue;
        for (auto const* attribute : {"TransformerEnd.rground", "TransformerEnd.xground"})
            context.expect(ends[i], attribute, 0.0, "left out: the neutral of a secondary is the return of its legs");
    }
}

/// Bus and rating of an end by its terminal.
void place_winding(Context& context, ObjectId end, Transformer::Winding& winding) {
    auto const terminal = context.linked_one(end, link::terminal_of_end);
    if (!terminal.valid()) return context.finding(end, "has no Terminal", "add TransformerEnd.Terminal");
    winding.bus = context.bus_of[terminal.at()];
    winding.rating = context.rating({terminal});
    (void)context.number(terminal, "ACDCTerminal.sequenceNumber");
}

/// Ends in the order 1, 2, 3 of their numbers; empty when they are not numbered so (a finding).
std::vector<ObjectId> numbered_ends(Context& context, ObjectId owner, Association ends, std::string_view attribute) {
    auto ordered = context.linked_in_order(owner, ends, attribute);
    if (ordered.size() < 2 || ordered.size() > most_windings) {
        context.finding(owner, fmt::format("has {} ends", ordered.size()), "two and three windings are supported");
        return {};
    }
    for (std::size_t i = 0; i < ordered.size(); ++i)
        if (auto const number = context.integer(ordered[i], attribute);
            number && *number != static_cast<std::int32_t>(i + 1)) {
            context.finding(ordered[i], fmt::format("has {} = {} where {} is due", attribute, *number, i + 1),
                            "number the ends 1, 2, 3");
            return {};
        }
    return ordered;
}

/// So that tap changers find the winding they belong to.
void register_ends(Context& context, std::vector<ObjectId> const& ends, Index<Transformer> transformer) {
    for (std::size_t i = 0; i < ends.size(); ++i) {
        context.element_of[ends[i].at()] = {ElementKind::transformer, transformer.value()};
        context.winding_of[ends[i].at()] = static_cast<std::uint8_t>(i);
    }
}

/// One impedance per winding at its own voltage, as a short-circuit impedance for each pair.
struct Star {
    double r_ohm = 0.0, x_ohm = 0.0;
};
void pairs_from_star(TransformerCode& code, std::array<Star, most_windings> const& star) {
    for (std::size_t p = 0; p < pair_count(code.windings); ++p) {
        auto const [i, k] = pairs[p];
        auto const ratio = code.winding[i].rated_v / code.winding[k].rated_v;
        code.short_circuit[p] = {static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(k),
                                 star[i].r_ohm + star[k].r_ohm * ratio * ratio,
                                 star[i].x_ohm + star[k].x_ohm * ratio * ratio};
    }
}

void require_pairs(Context& context, ObjectId owner, TransformerCode const& code,
                   std::array<bool, most_windings> const& given, std::string_view what) {
    for (std::size_t p = 0; p < pair_count(code.windings); ++p)
        if (!given[p])
            context.finding(owner,
                            fmt::format("has no {} between ends {} and {}", what, pairs[p][0] + 1, pairs[p][1] + 1),
                            "add it: a transformer needs the impedance of every pair of windings");
}

// ---- catalogue of tanks

/// sqrt(h² − a²) without the cancellation that squares suffer where both are close.
double other_leg(double hypotenuse, double leg) {
    return std::sqrt(std::max(0.0, (hypotenuse - leg) * (hypotenuse + leg)));
}

/// Impedance from one test: |Z| in ohm at the energised winding, loss in kW.
void read_test(Context& context, ObjectId test, std::size_t energised, std::size_t grounded, TransformerCode& code) {
    auto const& winding = code.winding[energised];
    auto const base_va = context.number(test, "TransformerTest.basePower").value_or(winding.rated_va);
    auto const z_ohm = context.required_number(test, "ShortCircuitTest.leakageImpedance");
    context.expect(test, "ShortCircuitTest.leakageImpedanceZero", z_ohm, zero_sequence_note);
    double r_ohm = 0.0;
    if (auto const loss_kw = context.number(test, "ShortCircuitTest.loss")) {
        auto const full_load_a_sq = base_va * base_va / (winding.rated_v * winding.rated_v);
        r_ohm = 1000.0 * *loss_kw / full_load_a_sq;
        context.expect(test, "ShortCircuitTest.lossZero", *loss_kw, zero_sequence_note);
    } else {
        auto const ratio = winding.rated_v / code.winding[grounded].rated_v;
        r_ohm = winding.r_ohm + code.winding[grounded].r_ohm * ratio * ratio;
        context.assume(test, "ShortCircuitTest.loss", "absent: resistance of the two windings taken");
    }
    if (r_ohm > z_ohm * (1.0 + 1e-6))
        context.finding(test, fmt::format("loss means {} ohm, more than leakageImpedance = {} ohm", r_ohm, z_ohm),
                        "loss is in kW and leakageImpedance in ohm at the energised winding");
    code.short_circuit[pair_place(energised, grounded)] = {
        static_cast<std::uint8_t>(energised), static_cast<std::uint8_t>(grounded), r_ohm, other_leg(z_ohm, r_ohm)};
}

void read_no_load_test(Context& context, ObjectId test, double rated_va, TransformerCode& code) {
    auto const base_va = context.number(test, "TransformerTest.basePower").value_or(rated_va);
    auto const exciting_va = context.number_or(test, "NoLoadTest.excitingCurrent", 0.0) / 100.0 * base_va;
    code.no_load_w = 1000.0 * context.number_or(test, "NoLoadTest.loss", 0.0);
    code.no_load_var = other_leg(exciting_va, code.no_load_w);
}

void read_tests(Context& context, ObjectId info, std::vector<ObjectId> const& ends, TransformerCode& code) {
    std::array<bool, most_windings> given{};
    bool has_no_load_test = false;
    for (std::size_t i = 0; i < ends.size(); ++i) {
        for (ObjectId test : context.linked(ends[i], link::tests_energising)) {
            auto const grounded = context.linked(test, link::ends_grounded);
            auto const other = grounded.size() == 1 ? std::ranges::find(ends, grounded.front()) : ends.end();
            if (other == ends.end() || *other == ends[i]) {
                context.ignore(test, "only tests with one other winding short-circuited are used");
                continue;
            }
            auto const k = static_cast<std::size_t>(other - ends.begin());
            if (given[pair_place(i, k)]) {
                context.ignore(test, "a second test of the same two windings");
                continue;
            }
            given[pair_place(i, k)] = true;
            read_test(context, test, i, k, code);
        }
        for (ObjectId test : context.linked(ends[i], link::no_load_tests)) {
            if (has_no_load_test) {
                context.ignore(test, "a second no-load test of the same transformer");
                continue;
            }
            has_no_load_test = true;
            read_no_load_test(context, test, code.winding[i].rated_va, code);
        }
    }
    require_pairs(context, info, code, given, "ShortCircuitTest");
    if (!has_no_load_test) context.assume(info, "NoLoadTest", "absent: no losses and no current at no load");
}

using Catalogue = std::map<ObjectId, Index<TransformerCode>>;

Catalogue read_catalogue(Context& context) {
    Catalogue catalogue;
    for (ObjectId info : context.objects.of_class("TransformerTankInfo")) {
        auto const ends = numbered_ends(context, info, link::end_infos_of_info, "TransformerEndInfo.endNumber");
        catalogue[info] = {};
        if (ends.empty()) continue;
        TransformerCode code;
        code.windings = static_cast<std::uint8_t>(ends.size());
        for (std::size_t i = 0; i < ends.size(); ++i) {
            read_winding(context, ends[i], "TransformerEndInfo", code.winding[i]);
            code.winding[i].emergency_va =
                context.number(ends[i], "TransformerEndInfo.emergencyS").value_or(feeder::unknown);
        }
        name_series_winding(context, ends, code);
        for (std::size_t i = 0; i < ends.size(); ++i)
            if (code.winding[i].connection == Connection::wye || code.winding[i].connection == Connection::delta)
                code.phases = 3;
        read_tests(context, info, ends, code);
        catalogue[info] = context.add(context.feeder.transformer_codes, code, info);
    }
    return catalogue;
}

// ---- tanks

using Conductors = std::array<Conductor, 4>;

/// "AN", "CB", "ABC", "ABCN", "s1N", "Ns2" letter by letter; a single phase is to neutral.
std::optional<Conductors> ordered_conductors(std::string_view code) {
    Conductors conductors{};
    std::size_t count = 0;
    while (!code.empty()) {
        auto const letter = code.substr(0, code.starts_with('s') ? 2 : 1);
        auto const conductor = from_cim(conductor_letters, letter);
        if (!conductor || count == conductors.size()) return std::nullopt;
        if (std::ranges::find(conductors, *conductor) != conductors.end()) return std::nullopt;
        conductors[count++] = *conductor;
        code.remove_prefix(letter.size());
    }
    if (count == 1) conductors[count++] = Conductor::neutral;
    return count > 1 ? std::optional{conductors} : std::nullopt;
}

/// Conductors of an end, with the polarity of orderedPhases; the older `phases` has none and takes it from the clock.
std::optional<Conductors> end_conductors(Context& context, ObjectId end, int clock) {
    auto written = context.text(end, "TransformerTankEnd.orderedPhases");
    bool const is_ordered = written.has_value();
    if (!is_ordered) written = context.text(end, "TransformerTankEnd.phases");
    if (!written) {
        context.finding(end, "orderedPhases is missing", "add it, for example AN, ABC or s1N");
        return std::nullopt;
    }
    auto conductors = ordered_conductors(*written);
    if (!conductors) {
        context.finding(end, fmt::format("\"{}\" is no connection of a winding", *written),
                        "windings are connected like AN, AB, ABC, ABCN, s1N or Ns2");
        return std::nullopt;
    }
    if (is_ordered) return conductors;
    context.assume(end, "TransformerTankEnd.orderedPhases",
                   "absent: phases taken in the order written, reversed where the clock of the winding is 6");
    bool const is_single = (*conductors)[2] == Conductor::none;
    if (is_single && clock == 6) std::swap((*conductors)[0], (*conductors)[1]);
    return conductors;
}

std::size_t phase_count(Conductors const& conductors) {
    return static_cast<std::size_t>(
        std::ranges::count_if(conductors, [](Conductor c) { return feeder::phase_of(c).has_value(); }));
}

/// The catalogue entry of a tank: directly, through an asset, or through the transformer's datasheet.
Index<TransformerCode> code_of_tank(Context& context, ObjectId tank, ObjectId transformer, Catalogue const& catalogue) {
    auto infos = context.datasheets(tank, link::info_of_tank, {"TransformerTankInfo"});
    if (infos.empty() && transformer.valid())
        for (ObjectId sheet : context.datasheets(transformer, link::info_of_transformer,
                                                 {"PowerTransformerInfo", "TransformerTankInfo"})) {
            if (context.objects.class_name(sheet) == "TransformerTankInfo") infos.push_back(sheet);
            for (ObjectId info : context.linked(sheet, link::tank_infos_of_info)) infos.push_back(info);
        }
    if (infos.size() == 1) return catalogue.at(infos.front());
    if (infos.empty()) context.finding(tank, "has no TransformerTankInfo", "add TransformerTank.TransformerTankInfo");
    else
        context.finding(tank,
                        fmt::format("has {} TransformerTankInfo, {} and {}", infos.size(), context.describe(infos[0]),
                                    context.describe(infos[1])),
                        "keep the one that holds");
    return {};
}

void read_tank(Context& context, ObjectId tank, ObjectId transformer, Index<Bank> bank, Catalogue const& catalogue) {
    Transformer row;
    row.bank = bank;
    row.code = code_of_tank(context, tank, transformer, catalogue);
    row.area = context.area(tank);
    if (!row.area.valid()) row.area = context.feeder.banks[bank].area;
    auto const ends = numbered_ends(context, tank, link::ends_of_tank, "TransformerEnd.endNumber");
    if (row.code.valid() && !ends.empty() && ends.size() != context.feeder.transformer_codes[row.code].windings)
        context.finding(tank,
                        fmt::format("has {} ends, its TransformerTankInfo {} has {}", ends.size(),
                                    context.feeder.transformer_codes.name(row.code),
                                    context.feeder.transformer_codes[row.code].windings),
                        "use the catalogue entry of this transformer");
    for (std::size_t i = 0; i < ends.size(); ++i) {
        auto& winding = row.winding[i];
        place_winding(context, ends[i], winding);
        auto const whole = row.code.valid() ? &context.feeder.transformer_codes[row.code] : nullptr;
        // A series winding is connected like the common one.
        auto const code = whole == nullptr                                     ? nullptr
                          : whole->winding[i].connection == Connection::series ? &whole->winding[1]
                                                                               : &whole->winding[i];
        auto const conductors = end_conductors(context, ends[i], code != nullptr ? code->clock : 0);
        if (!conductors) continue;
        winding.conductors = *conductors;
        read_grounding(context, ends[i], winding);
        bool const is_three_phase = phase_count(*conductors) == 3;
        if (code != nullptr && is_three_phase != (code->connection != Connection::single))
            context.finding(ends[i],
                            fmt::format("is connected to {} phases, its winding in {} is {}", phase_count(*conductors),
                                        context.feeder.transformer_codes.name(row.code),
                                        code->connection == Connection::single ? "single-phase" : "three-phase"),
                            "a D or Y winding has three phases, an I winding one or two");
    }
    if (row.code.valid()) share_neutral(context.feeder.transformer_codes[row.code], row);
    expect_no_grounding_of_secondaries(context, ends, row);
    register_ends(context, ends, context.add(context.feeder.transformers, row, tank, ElementKind::transformer));
}

// ---- three-phase ends

/// \return false where the ends give no mesh impedance at all.
bool read_meshes(Context& context, ObjectId transformer, std::vector<ObjectId> const& ends, TransformerCode& code) {
    std::array<bool, most_windings> given{};
    bool any = false;
    for (std::size_t i = 0; i < ends.size(); ++i)
        for (ObjectId mesh : context.linked(ends[i], link::meshes_from)) {
            any = true;
            auto const r_ohm = context.required_number(mesh, "TransformerMeshImpedance.r");
            auto const x_ohm = context.required_number(mesh, "TransformerMeshImpedance.x");
            context.expect(mesh, "TransformerMeshImpedance.r0", r_ohm, zero_sequence_note);
            context.expect(mesh, "TransformerMeshImpedance.x0", x_ohm, zero_sequence_note);
            for (ObjectId to : context.linked(mesh, link::ends_to)) {
                auto const other = std::ranges::find(ends, to);
                if (other == ends.end() || to == ends[i]) {
                    context.finding(mesh, "does not lead from one end of a transformer to another of the same",
                                    "correct ToTransformerEnd");
                    continue;
                }
                auto const k = static_cast<std::size_t>(other - ends.begin());
                given[pair_place(i, k)] = true;
                code.short_circuit[pair_place(i, k)] = {static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(k),
                                                        r_ohm, x_ohm};
            }
        }
    if (any) require_pairs(context, transformer, code, given, "TransformerMeshImpedance");
    return any;
}

/// Star impedances, or what the ends themselves have.
void read_star(Context& context, ObjectId transformer, std::vector<ObjectId> const& ends, TransformerCode& code) {
    std::array<Star, most_windings> star;
    std::size_t stars = 0;
    std::size_t own = 0;
    for (std::size_t i = 0; i < ends.size(); ++i) {
        if (auto const object = context.linked_one(ends[i], link::star_of_end); object.valid()) {
            ++stars;
            star[i] = {context.required_number(object, "TransformerStarImpedance.r"),
                       context.required_number(object, "TransformerStarImpedance.x")};
            context.expect(object, "TransformerStarImpedance.r0", star[i].r_ohm, zero_sequence_note);
            context.expect(object, "TransformerStarImpedance.x0", star[i].x_ohm, zero_sequence_note);
        } else if (auto const x_ohm = context.number(ends[i], "PowerTransformerEnd.x")) {
            ++own;
            star[i] = {code.winding[i].r_ohm, *x_ohm};
        }
    }
    if (stars != ends.size() && own != ends.size())
        return context.finding(transformer, "has no impedance",
                               "add a TransformerMeshImpedance between its ends or a TransformerStarImpedance to each");
    if (own == ends.size())
        context.assume(transformer, "TransformerMeshImpedance", "absent: r and x of the PowerTransformerEnds taken");
    pairs_from_star(code, star);
}

void read_core(Context& context, std::vector<ObjectId> const& ends, TransformerCode& code) {
    for (std::size_t i = 0; i < ends.size(); ++i)
        if (auto const core = context.linked_one(ends[i], link::core_of_end); core.valid()) {
            auto const v_sq = code.winding[i].rated_v * code.winding[i].rated_v;
            code.no_load_w += context.number_or(core, "TransformerCoreAdmittance.g", 0.0) * v_sq;
            // a core never generates; exporters differ in the sign of b
            code.no_load_var += std::abs(context.number_or(core, "TransformerCoreAdmittance.b", 0.0)) * v_sq;
        }
}

void read_three_phase_unit(Context& context, ObjectId transformer, Index<Bank> bank) {
    auto const ends = numbered_ends(context, transformer, link::ends_of_transformer, "TransformerEnd.endNumber");
    if (ends.empty()) return;
    TransformerCode code;
    code.form = TransformerCode::Form::three_phase_ends;
    code.phases = 3;
    code.windings = static_cast<std::uint8_t>(ends.size());
    Transformer row;
    row.bank = bank;
    row.area = context.feeder.banks[bank].area;
    for (std::size_t i = 0; i < ends.size(); ++i) {
        read_winding(context, ends[i], "PowerTransformerEnd", code.winding[i]);
        place_winding(context, ends[i], row.winding[i]);
        if (code.winding[i].connection == Connection::single)
            context.finding(ends[i], "has connectionKind I in a three-phase transformer",
                            "model single-phase units as TransformerTanks");
        row.winding[i].conductors = {Conductor::a, Conductor::b, Conductor::c};
        if (code.winding[i].connection != Connection::delta) row.winding[i].conductors[3] = Conductor::neutral;
        read_grounding(context, ends[i], row.winding[i]);
    }
    name_series_winding(context, ends, code);
    share_neutral(code, row);
    if (!read_meshes(context, transformer, ends, code)) read_star(context, transformer, ends, code);
    read_core(context, ends, code);
    row.code = context.feeder.transformer_codes.add(code, context.name(transformer));
    register_ends(context, ends,
                  context.feeder.transformers.add(row, context.name(transformer), context.mrid(transformer)));
}

}  // namespace

void read_transformers(Context& context) {
    auto const catalogue = read_catalogue(context);
    for (ObjectId id : context.objects.of_class("PowerTransformer")) {
        Bank row;
        row.area = context.area(id);
        auto const bank = context.add(context.feeder.banks, row, id, ElementKind::bank);
        auto const ends = context.linked(id, link::ends_of_transformer);
        auto const tanks = context.linked(id, link::tanks_of_transformer);
        if (ends.empty() == tanks.empty()) {
            context.finding(id,
                            ends.empty() ? "has neither PowerTransformerEnds nor TransformerTanks"
                                         : "has both PowerTransformerEnds and TransformerTanks",
                            "model it in exactly one of the two ways");
            continue;
        }
        if (!ends.empty()) read_three_phase_unit(context, id, bank);
        for (ObjectId tank : tanks) read_tank(context, tank, id, bank, catalogue);
    }
    for (ObjectId tank : context.objects.of_class("TransformerTank"))
        if (!context.linked_one(tank, link::transformer_of_tank).valid())
            context.finding(tank, "belongs to no PowerTransformer", "add TransformerTank.PowerTransformer");
}

// ---- tap changers

namespace {

void read_control_timing(Context& context, ObjectId id, feeder::TapChanger& row) {
    row.ltc = context.flag_or(id, "TapChanger.ltcFlag", true);
    row.control_enabled = context.flag_or(id, "TapChanger.controlEnabled", false);
    row.initial_delay_s = context.number(id, "TapChanger.initialDelay").value_or(0.0);
    row.subsequent_delay_s = context.number(id, "TapChanger.subsequentDelay").value_or(0.0);
    row.pt_ratio = context.number(id, "TapChanger.ptRatio").value_or(feeder::unknown);
    row.ct_rating_a = context.number(id, "TapChanger.ctRating").value_or(feeder::unknown);
    row.ct_ratio = context.number(id, "TapChanger.ctRatio").value_or(feeder::unknown);
    row.control = read_control(context, context.linked_one(id, link::control_of_tap_changer));
}

}  // namespace

void read_tap_changers(Context& context) {
    for (ObjectId id : context.objects.of_class("RatioTapChanger")) {
        auto const end = context.linked_one(id, link::end_of_tap_changer);
        if (!end.valid()) {
            context.finding(id, "belongs to no winding", "add RatioTapChanger.TransformerEnd");
            continue;
        }
        feeder::TapChanger row;
        row.transformer = Index<Transformer>{context.element_of[end.at()].row};
        row.winding = context.winding_of[end.at()];
        row.neutral_step = context.integer_or(id, "TapChanger.neutralStep", 0);
        row.normal_step = context.integer_or(id, "TapChanger.normalStep", row.neutral_step);
        row.low_step = context.integer_or(id, "TapChanger.lowStep", -16);
        row.high_step = context.integer_or(id, "TapChanger.highStep", 16);
        row.step = context.number_or(id, "TapChanger.step", row.normal_step);
        row.increment_percent = context.required_number(id, "RatioTapChanger.stepVoltageIncrement");
        row.neutral_v = context.number(id, "TapChanger.neutralU").value_or(feeder::unknown);
        if (row.step < row.low_step || row.step > row.high_step)
            context.finding(id, fmt::format("step = {} is outside {} to {}", row.step, row.low_step, row.high_step),
                            "give the step it stands on");
        read_control_timing(context, id, row);
        (void)context.add(context.feeder.tap_changers, row, id, ElementKind::tap_changer);
    }
}

}  // namespace dec::io::cim
