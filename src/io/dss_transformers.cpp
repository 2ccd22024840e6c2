/// \file dss_transformers.cpp
/// Transformers, their codes, and autotransformers.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "dec/feeder/windings.hpp"
#include "dss_context.hpp"
#include "dss_windings.hpp"

namespace dec::io::dss {

using feeder::Conductor;
using feeder::Connection;
using feeder::TransformerCode;

namespace {

constexpr std::size_t most_windings = 3;

/// What was said of one transformer or code.
class Windings {
  public:
    Windings(Context& context, Object const& object) : context_{context}, object_{object} {
        if (object.kind != Class::auto_transformer) return;
        drawn.is_auto = true;
        drawn.winding[0].kv = series_kv;
        drawn.xsc[0] = xhl_ = 0.10;
    }

    DrawnTransformer drawn;

    void run() {
        context_.replay(object_, [this](Said const& said) {
            take(said);
            if (!said.ends_edit() || !reactances_are_new_) return;
            drawn.xsc = {xhl_, xht_, xlt_};
            reactances_are_new_ = false;
        });
    }

  private:
    using List = std::vector<double>;
    static constexpr double series_kv = 115.0;  // unless said

    void take(Said const& said) {
        if (take_winding(said) || take_lists(said) || take_reactance(said)) return;
        if (said.is("phases")) drawn.phases = static_cast<std::size_t>(std::clamp(said.integer(), 1, 12));
        else if (said.is("windings")) set_windings(said);
        else if (said.is("%loadloss")) w(0).r = w(1).r = said.number() / 200.0;
        else if (said.is("%noloadloss")) drawn.no_load = said.number() / 100.0;
        else if (said.is("%imag")) drawn.magnetising = said.number() / 100.0;
        else if (said.is("normhkva")) drawn.normal_kva = said.number();
        else if (said.is("emerghkva")) drawn.emergency_kva = said.number();
        else if (said.is("bank")) drawn.bank = lower_case(said.text());
        else if (said.is("leadlag")) drawn.leads = starts_with(said.text(), "le") || starts_with(said.text(), "e");
        else if (said.is("xfmrcode")) take_code(said);
        else return;
        bool const kept = said.is("bank") || said.is("xfmrcode");
        drawn.is_code_alone = drawn.is_code_alone && kept;
    }

    DrawnWinding& w(std::size_t place) { return drawn.winding[std::min(place, drawn.winding.size() - 1)]; }

    void set_windings(Said const& said) {
        int const count = said.integer();
        if (count < 2 || count > static_cast<int>(most_windings))
            return said.finding(fmt::format("has {} windings", count), "two or three are possible");
        drawn.windings = static_cast<std::size_t>(count);
        for (auto& winding : drawn.winding) {
            auto const bus = winding.bus;  // kept, as OpenDSS does
            winding = {};
            winding.bus = bus;
        }
        if (drawn.is_auto) drawn.winding[0].kv = series_kv;
    }

    bool take_winding(Said const& said) {
        if (said.is("wdg")) {
            int const place = said.integer();
            if (place < 1 || place > static_cast<int>(drawn.windings))
                said.finding(fmt::format("has no winding {}", place), "give the number of windings before");
            else at_ = static_cast<std::size_t>(place) - 1;
            return true;
        }
        auto& winding = w(at_);
        if (said.is("bus")) winding.bus = said.text();
        else if (said.is("tap")) winding.tap = said.number();
        else if (said.is("conn")) set_connection(at_, said.is_delta()), drawn.is_code_alone = false;
        else if (said.is("kv")) winding.kv = said.number(), drawn.is_code_alone = false;
        else if (said.is("kva")) set_kva(said.number());
        else if (said.is("%r")) winding.r = said.number() / 100.0, drawn.is_code_alone = false;
        else if (said.is("rneut")) winding.neutral_r = said.number();
        else if (said.is("xneut")) winding.neutral_x = said.number();
        else if (said.is("maxtap")) winding.max_tap = said.number();
        else if (said.is("mintap")) winding.min_tap = said.number();
        else if (said.is("numtaps")) winding.taps = said.integer();
        else return false;
        return true;
    }

    /// Series and common winding of an autotransformer are what they are.
    void set_connection(std::size_t place, bool is_delta) {
        w(place).is_delta = is_delta && !(drawn.is_auto && place < 2);
    }

    /// The first winding's rating goes to all; of two windings both have the same.
    void set_kva(double kva) {
        drawn.is_code_alone = false;
        w(at_).kva = kva;
        if (at_ == 0) {
            for (auto& winding : drawn.winding) winding.kva = kva;
            drawn.normal_kva = 1.1 * kva;
            drawn.emergency_kva = 1.5 * kva;
        } else if (drawn.windings == 2) {
            drawn.winding[0].kva = kva;
        }
    }

    bool take_lists(Said const& said) {
        auto const numbers = [&](auto const& store) {
            auto const list = said.numbers();
            for (std::size_t i = 0; i < std::min(list.size(), drawn.windings); ++i) store(w(i), list[i]);
        };
        auto const texts = [&](auto const& store) {
            auto const list = said.texts();
            for (std::size_t i = 0; i < std::min(list.size(), drawn.windings); ++i) store(w(i), list[i]);
        };
        if (said.is("buses")) {
            texts([](auto& winding, std::string_view text) { winding.bus = text; });
            return true;
        }
        if (said.is("taps")) {
            numbers([](auto& winding, double value) { winding.tap = value; });
            return true;
        }
        if (said.is("conns")) {
            auto const list = said.texts();
            for (std::size_t i = 0; i < std::min(list.size(), drawn.windings); ++i)
                set_connection(i, starts_with(list[i], "d") || starts_with(list[i], "ll"));
        } else if (said.is("kvs")) numbers([](auto& winding, double value) { winding.kv = value; });
        else if (said.is("%rs")) numbers([](auto& winding, double value) { winding.r = value / 100.0; });
        else if (said.is("kvas")) {
            numbers([](auto& winding, double value) { winding.kva = value; });
            drawn.normal_kva = 1.1 * drawn.winding[0].kva;
            drawn.emergency_kva = 1.5 * drawn.winding[0].kva;
        } else return false;
        drawn.is_code_alone = false;
        return true;
    }

    bool take_reactance(Said const& said) {
        if (said.is("xscarray")) {
            auto const list = said.numbers();
            for (std::size_t i = 0; i < std::min(list.size(), drawn.xsc.size()); ++i) drawn.xsc[i] = list[i] / 100.0;
        } else {
            if (said.is("xhl") || said.is("x12") || said.is("xhx")) xhl_ = said.number() / 100.0;
            else if (said.is("xht") || said.is("x13")) xht_ = said.number() / 100.0;
            else if (said.is("xlt") || said.is("x23") || said.is("xxt")) xlt_ = said.number() / 100.0;
            else return false;
            reactances_are_new_ = true;
        }
        drawn.is_code_alone = false;
        return true;
    }

    void take_code(Said const& said) {
        auto const* const object = context_.reference(said, Class::xfmr_code);
        if (object == nullptr) return;
        Windings code{context_, *object};
        code.run();
        auto buses = drawn.winding;
        auto const bank = drawn.bank;
        drawn = code.drawn;
        drawn.bank = bank;
        drawn.code = object->name;
        drawn.is_code_alone = true;
        for (std::size_t i = 0; i < buses.size(); ++i) drawn.winding[i].bus = buses[i].bus;
        xhl_ = code.xhl_;
        xht_ = code.xht_;
        xlt_ = code.xlt_;
    }

    Context& context_;
    Object const& object_;
    std::size_t at_ = 0;
    double xhl_ = 0.07, xht_ = 0.35, xlt_ = 0.30;
    bool reactances_are_new_ = false;
};

/// Two halves of a secondary, or one winding across both legs.
bool is_centre_tapped(DrawnTransformer const& drawn) {
    if (drawn.phases != 1) return false;
    auto const spec = [&](std::size_t w) { return parse_bus(drawn.winding[w].bus, 2, 1); };
    if (drawn.windings == 3) {
        auto const second = spec(1), third = spec(2);
        return second.name == third.name && second.nodes == std::vector{1, 0} && third.nodes == std::vector{0, 2};
    }
    constexpr double highest_secondary_kv = 0.6;
    return spec(1).nodes == std::vector{1, 2} && drawn.winding[1].kv <= highest_secondary_kv;
}

class TransformerReader {
  public:
    explicit TransformerReader(Context& context) : context_{context}, neutral_reactors_{neutral_reactors(context)} {}

    void read(Object const& object) {
        context_.begin(object);
        auto const& drawn = draw_transformer(context_, object);
        if (drawn.phases < 1 || drawn.phases > 3)
            return context_.finding(object, fmt::format("has {} phases", drawn.phases), "one to three are possible");
        for (std::size_t i = 0; i < drawn.windings; ++i)
            if (drawn.winding[i].bus.empty())
                return context_.finding(object, fmt::format("has no bus at winding {}", i + 1), "give its buses");
        if (drawn.phases == 2) return read_cores(object, drawn);
        std::array<BusSpec, 3> specs{};
        for (std::size_t i = 0; i < drawn.windings; ++i)
            specs[i] = parse_bus(drawn.winding[i].bus, drawn.phases + 1, drawn.phases);
        // In CIM a three-phase unit is its bank.
        auto const bank = bank_of(object, drawn);
        add(object, drawn, specs, bank, object.name,
            drawn.phases == 3 ? std::string{context_.feeder.banks.mrid(bank)} : context_.mrid(object));
    }

  private:
    /// Two phases are two single-phase units: between phase and neutral, or from each to the next conductor in the direction in which
    /// deltas are wound.
    void read_cores(Object const& object, DrawnTransformer const& drawn) {
        if (drawn.is_auto) return context_.finding(object, "is an autotransformer of two phases", "make it two of one");
        auto one = drawn;
        one.phases = 1;
        one.is_code_alone = false;
        one.normal_kva /= 2.0;
        one.emergency_kva /= 2.0;
        for (auto& winding : one.winding) {
            winding.kv = rated_volts(winding.kv, winding.is_delta, 2) / 1e3;
            winding.kva /= 2.0;
            if (winding.neutral_r > 0.0 || winding.neutral_x != 0.0)
                return context_.finding(object, "has two phases and an impedance at its neutral",
                                        "make it two of one phase, or leave out rneut and xneut");
        }
        bool const forwards = lag(drawn, drawn.winding[0].is_delta ? 0 : 1) >= 0;
        auto const bank = bank_of(object, drawn);
        for (std::size_t core = 0; core < 2; ++core) {
            std::array<BusSpec, 3> specs{};
            for (std::size_t i = 0; i < drawn.windings; ++i) {
                auto const whole = parse_bus(drawn.winding[i].bus, 3, 2);
                std::size_t const next = forwards ? core + 1 : (core + 2) % 3;
                specs[i] = whole;
                specs[i].nodes = {whole.nodes[core], whole.nodes[drawn.winding[i].is_delta ? next : 2]};
                one.winding[i].is_delta = false;
            }
            auto const name = fmt::format("{}_{}", object.name, core + 1);
            add(object, one, specs, bank, name, context_.mrid(fmt::format("transformer {}", name)));
        }
    }

    /// \param specs conductors of each winding.
    void add(Object const& object, DrawnTransformer const& drawn, std::array<BusSpec, 3> const& specs,
             Index<feeder::Bank> bank, std::string const& name, std::string const& mrid) {
        feeder::Transformer row;
        std::array<Index<feeder::Bus>, 3> buses{};
        for (std::size_t i = 0; i < drawn.windings; ++i) {
            place(object, drawn, i, specs[i], row.winding[i]);
            buses[i] = row.winding[i].bus;
        }
        row.bank = bank;
        row.code = code_of(object, drawn);
        share_neutral(context_.feeder.transformer_codes[row.code], row);
        auto const id = context_.feeder.transformers.add(row, name, mrid);
        // Of two units the first: their taps are alike.
        context_.elements.try_emplace(describe(object),
                                      Context::Element{feeder::ElementKind::transformer, id.value(), buses});
    }

    void place(Object const& object, DrawnTransformer const& drawn, std::size_t i, BusSpec const& spec,
               feeder::Transformer::Winding& winding) {
        auto const& said = drawn.winding[i];
        winding.bus = context_.bus(spec.name);
        bool const has_neutral = drawn.phases == 1 || !said.is_delta;
        auto const count = has_neutral ? drawn.phases + 1 : drawn.phases;
        for (std::size_t k = 0; k < count; ++k) winding.conductors[k] = context_.conductor(spec.name, spec.nodes[k]);
        if (has_neutral) ground(object, said, spec, drawn.phases == 3, winding);
        double const kva = drawn.normal_kva, emergency = drawn.emergency_kva;
        double const volts = rated_volts(said.kv, said.is_delta, drawn.phases) *
                             (drawn.phases == 3 && said.is_delta ? 1.0 / std::numbers::sqrt3 : 1.0);
        auto const per_phase = static_cast<double>(drawn.phases) * volts;
        winding.rating = {kva * 1e3 / per_phase, emergency * 1e3 / per_phase};
    }

    /// A neutral at node 0 is grounded; at a node of its own it is by rneut and xneut or by a reactor, or not at all.
    void ground(Object const& object, DrawnWinding const& said, BusSpec const& spec, bool three_phase,
                feeder::Transformer::Winding& winding) {
        auto const own = std::ranges::find_if(spec.nodes, [](int node) { return node > 3; });
        winding.grounded = std::ranges::find(winding.conductors, Conductor::neutral) != winding.conductors.end();
        if (own == spec.nodes.end()) return;
        if (said.neutral_r >= 0.0) {
            winding.ground_r_ohm = said.neutral_r;
            winding.ground_x_ohm = said.neutral_x;
        } else if (auto const reactor = neutral_reactors_.find(fmt::format("{}.{}", spec.name, *own));
                   reactor != neutral_reactors_.end()) {
            winding.ground_r_ohm = reactor->second.real();
            winding.ground_x_ohm = reactor->second.imag();
        } else if (three_phase) {
            winding.grounded = false;
            winding.conductors[3] = Conductor::none;
        } else {
            context_.assume("neutral conductor", object, "at a node of its own: taken as grounded");
        }
    }

    Index<feeder::Bank> bank_of(Object const& object, DrawnTransformer const& drawn) {
        auto const name = drawn.bank.empty() ? object.name : drawn.bank;
        auto const [place, is_new] = banks_.try_emplace(name);
        if (is_new) place->second = context_.feeder.banks.add({}, name, context_.mrid("bank." + name));
        return place->second;
    }

    /// How many times 30 degrees a winding lags the cores. A delta is wound from each phase to the next, or to the one
    /// before: so that the low voltage lags by 30 degrees, or leads ("LeadLag").
    static int lag(DrawnTransformer const& drawn, std::size_t i) {
        if (!drawn.winding[i].is_delta) return 0;
        auto const& first = drawn.winding[0];
        auto const& second = drawn.winding[1];
        if (first.is_delta == second.is_delta) return 1;
        auto const& high = first.kv >= second.kv ? first : second;
        return high.is_delta == drawn.leads ? 1 : -1;
    }

    /// Volts of series and common winding together. Where they seem to have no difference OpenDSS leaves one of 1e-4, to neutral.
    static double series_and_common_v(DrawnTransformer const& drawn) {
        double const high = drawn.winding[0].kv * 1e3, low = drawn.winding[1].kv * 1e3;
        return high != low ? high : low + 1e-4 * high * (drawn.phases == 3 ? std::numbers::sqrt3 : 1.0);
    }

    /// OpenDSS takes what is said for the impedances of the terminals, and resistances as they are for those of the coils but
    /// between series and common winding: 1-2 of the coils is (V1 / (V1 - V2))^2 times as much, and 1-3 is made of all (H. W. Dommel,
    /// EMTP Theory Book, 1986, equations 6.45 to 6.50). Here it is all turned into impedances between terminals.
    static std::array<std::complex<double>, 3> auto_tests(DrawnTransformer const& drawn) {
        using Complex = std::complex<double>;
        auto const& w = drawn.winding;
        double const s = 1.0 - w[1].kv * 1e3 / series_and_common_v(drawn), c = 1.0 - s;
        auto const [hx, ht, xt] = drawn.xsc;
        Complex const terminals = Complex{w[0].r + w[1].r, hx};
        if (drawn.windings == 2) return {terminals};
        Complex const sc = terminals / (s * s), st{w[0].r + w[2].r, hx * c / (s * s) + (ht - xt * c) / s},
                      ct{w[1].r + w[2].r, xt};
        // Members of the coils' star, and of the terminals'.
        Complex const series = 0.5 * (sc + st - ct), common = 0.5 * (sc + ct - st), third = 0.5 * (st + ct - sc);
        Complex const h = s * (s * series - c * common), x = s * common, t = third + c * common;
        return {h + x, h + t, x + t};
    }

    TransformerCode make_code(DrawnTransformer const& drawn) const {
        TransformerCode code;
        bool const three = drawn.phases == 3;
        code.form = three ? TransformerCode::Form::three_phase_ends : TransformerCode::Form::tank_tests;
        code.windings = static_cast<std::uint8_t>(drawn.windings);
        code.phases = static_cast<std::uint8_t>(drawn.phases);
        // Everything in per cent is on the rating of the first winding.
        double const va = drawn.winding[0].kva * 1e3;
        auto const volts = [&](std::size_t i) {
            return drawn.is_auto && i == 0 ? series_and_common_v(drawn) : drawn.winding[i].kv * 1e3;
        };
        auto const base = [&](std::size_t i) { return volts(i) * volts(i) / va; };
        for (std::size_t i = 0; i < drawn.windings; ++i) {
            auto const& said = drawn.winding[i];
            auto& winding = code.winding[i];
            winding.connection = !three ? Connection::single : said.is_delta ? Connection::delta : Connection::wye;
            if (drawn.is_auto && i == 0) winding.connection = Connection::series;
            winding.rated_v = volts(i);
            winding.rated_va = said.kva * 1e3;
            winding.emergency_va = drawn.emergency_kva * 1e3;
            winding.r_ohm = said.r * base(i);
            if (three) winding.clock = static_cast<std::int8_t>((lag(drawn, i) - lag(drawn, 0) + 12) % 12);
        }
        std::array<std::complex<double>, 3> tests{};
        std::size_t k = 0;
        for (std::size_t i = 0; i < drawn.windings; ++i)
            for (std::size_t j = i + 1; j < drawn.windings; ++j, ++k)
                tests[k] = {drawn.winding[i].r + drawn.winding[j].r, drawn.xsc[k]};
        if (drawn.is_auto) tests = auto_tests(drawn);
        k = 0;
        for (std::size_t i = 0; i < drawn.windings; ++i)
            for (std::size_t j = i + 1; j < drawn.windings; ++j, ++k)
                code.short_circuit[k] = {static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(j),
                                         tests[k].real() * base(i), tests[k].imag() * base(i)};
        code.no_load_w = drawn.no_load * va;
        code.no_load_var = drawn.magnetising * va;
        return code;
    }

    Index<TransformerCode> code_of(Object const& object, DrawnTransformer const& drawn) {
        bool const shared = drawn.is_code_alone && !drawn.code.empty();
        auto const name = shared ? drawn.code : object.name;
        auto const key = fmt::format("{} {}", shared, name);
        auto const [place, is_new] = codes_.try_emplace(key);
        if (is_new)
            place->second = context_.feeder.transformer_codes.add(make_code(drawn), name,
                                                                  context_.mrid(fmt::format("xfmr {}", key)));
        return place->second;
    }

    Context& context_;
    std::unordered_map<std::string, std::complex<double>> neutral_reactors_;
    std::unordered_map<std::string, Index<feeder::Bank>> banks_;
    std::unordered_map<std::string, Index<TransformerCode>> codes_;
};

template <class Visitor>
void for_each_transformer(Context& context, Visitor const& visit) {
    for (auto kind : {Class::transformer, Class::auto_transformer})
        for (auto const& object : context.circuit.objects(kind))
            if (object.enabled && !object.is_open()) visit(object);
}

}  // namespace

DrawnTransformer const& draw_transformer(Context& context, Object const& object) {
    auto& known = context.transformers[describe(object)];
    if (!known) {
        Windings windings{context, object};
        windings.run();
        known = std::make_shared<DrawnTransformer const>(std::move(windings.drawn));
    }
    return *known;
}

void find_split_buses(Context& context) {
    std::vector<std::string> grown;
    auto const mark = [&](std::string const& name) {
        if (context.is_split(name)) return;
        context.mark_split(name);
        grown.push_back(name);
    };
    for_each_transformer(context, [&](Object const& object) {
        auto const& drawn = draw_transformer(context, object);
        if (is_centre_tapped(drawn)) mark(parse_bus(drawn.winding[1].bus, 2, 1).name);
    });
    // Whatever lines lead on from there has legs too.
    std::unordered_map<std::string, std::vector<std::string>> beyond;
    for (auto const& line : context.circuit.objects(Class::line)) {
        if (!line.enabled) continue;
        std::string_view bus1, bus2;
        context.replay(line, [&](Said const& said) {
            if (said.is("bus1")) bus1 = said.text();
            if (said.is("bus2")) bus2 = said.text();
        });
        auto const from = parse_bus(bus1, 0, 0).name, to = parse_bus(bus2, 0, 0).name;
        beyond[from].push_back(to);
        beyond[to].push_back(from);
    }
    while (!grown.empty()) {
        auto const name = std::move(grown.back());
        grown.pop_back();
        for (auto const& next : beyond[name]) mark(next);
    }
}

void read_transformers(Context& context) {
    TransformerReader reader{context};
    for_each_transformer(context, [&](Object const& object) { reader.read(object); });
}

}  // namespace dec::io::dss
