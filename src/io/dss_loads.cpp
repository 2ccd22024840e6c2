/// \file dss_loads.cpp
/// Loads: how much, of which kind, between which voltages.
#include <fmt/format.h>

#include <cmath>
#include <tuple>

#include "dss_context.hpp"

namespace dec::io::dss {

namespace {

/// What was said of a load. Of the ways to say how much it draws the last one counts.
struct Drawn {
    enum class Amount : std::uint8_t { kw_pf, kw_kvar, kva_pf, connected, energy };
    Amount amount = Amount::kw_pf;
    double kw = 10.0, kvar = 5.0, kva = 0.0, pf = 0.88;
    double connected_kva = 0.0, allocation = 0.5;
    double kwh = 0.0, days = 30.0, peak = 4.0;
    bool pf_was_said = false;
    std::size_t phases = 3;
    std::string_view bus;
    double kv = 12.47;
    bool is_delta = false;
    int model = 1;
    bool follows_multiplier = true;
    double low_pu = 0.95, high_pu = 1.05;
    double p_exponent = 1.0, q_exponent = 2.0;
    int customers = 1;
    std::vector<double> zipv;

    [[nodiscard]] double kvar_of_pf() const {
        return std::copysign(std::abs(kw) * std::sqrt(std::max(1.0 / (pf * pf) - 1.0, 0.0)), pf * kw);
    }
    void allocate() {
        if (amount == Amount::connected && connected_kva > 0.0) kw = connected_kva * allocation * std::abs(pf);
        else if (amount == Amount::energy) kw = kwh / (days * 24.0) * peak;
        else return;
        kvar = kvar_of_pf();
    }
    void end_edit() {
        if (amount == Amount::kva_pf) kw = kva * std::abs(pf);
        if (amount == Amount::kw_kvar) {
            double const size = std::hypot(kw, kvar);
            if (size > 0.0 && kw != 0.0) pf = std::copysign(kw / size, kw * kvar);
        } else if (amount == Amount::kw_pf || amount == Amount::kva_pf || pf_was_said) {
            kvar = kvar_of_pf();
        }
    }
};

class LoadReader {
  public:
    explicit LoadReader(Context& context) : context_{context} {}

    void read(Object const& object) {
        context_.begin(object);
        auto const drawn = draw(object);
        if (drawn.bus.empty()) return context_.finding(object, "has no bus", "give bus1");
        if (drawn.phases < 1 || drawn.phases > 3)
            return context_.finding(object, fmt::format("has {} phases", drawn.phases), "one to three are possible");
        auto const spec = parse_bus(drawn.bus, conductors_of(drawn.is_delta, drawn.phases), drawn.phases);
        feeder::Load row;
        row.bus = context_.bus(spec.name);
        auto const seats = context_.seats(object, spec, drawn.is_delta, drawn.phases);
        row.connection = seats.connection;
        row.phases = seats.phases;
        double const multiplier = drawn.follows_multiplier ? context_.circuit.options.load_multiplier : 1.0;
        for (std::size_t i = 0; i < 3; ++i) {
            row.p_w[i] = drawn.kw * 1e3 * multiplier * seats.share[i];
            row.q_var[i] = drawn.kvar * 1e3 * multiplier * seats.share[i];
        }
        row.model = model(object, drawn);
        row.customers = drawn.customers;
        row.grounded = seats.connection == feeder::Connection::wye;
        row.nominal_v = rated_volts(drawn.kv, drawn.is_delta, drawn.phases);
        row.low_pu = drawn.low_pu;
        row.high_pu = drawn.high_pu;
        auto const id = context_.feeder.loads.add(row, object.name, context_.mrid(object));
        context_.elements[describe(object)] = {feeder::ElementKind::load, id.value(), {row.bus}};
    }

  private:
    Drawn draw(Object const& object) {
        Drawn drawn;
        context_.replay(object, [&](Said const& said) {
            take(drawn, said);
            if (said.ends_edit()) drawn.end_edit();
        });
        return drawn;
    }

    static void take(Drawn& drawn, Said const& said) {
        using Amount = Drawn::Amount;
        if (said.is("kw")) drawn.kw = said.number(), drawn.amount = Amount::kw_pf;
        else if (said.is("kvar")) drawn.kvar = said.number(), drawn.amount = Amount::kw_kvar;
        else if (said.is("kva")) drawn.kva = said.number(), drawn.amount = Amount::kva_pf;
        else if (said.is("pf")) set_pf(drawn, said);
        else if (said.is("xfkva")) set(drawn, drawn.connected_kva, Amount::connected, said);
        else if (said.is("allocationfactor")) set(drawn, drawn.allocation, Amount::connected, said);
        else if (said.is("kwh")) set(drawn, drawn.kwh, Amount::energy, said);
        else if (said.is("kwhdays")) set(drawn, drawn.days, Amount::energy, said);
        else if (said.is("cfactor")) set(drawn, drawn.peak, Amount::energy, said);
        else if (said.is("phases")) drawn.phases = static_cast<std::size_t>(std::max(said.integer(), 0));
        else if (said.is("bus1")) drawn.bus = said.text();
        else if (said.is("kv")) drawn.kv = said.number();
        else if (said.is("conn")) drawn.is_delta = said.is_delta();
        else if (said.is("model")) drawn.model = said.integer();
        else if (said.is("status")) drawn.follows_multiplier = starts_with(said.text(), "v");
        else if (said.is("vminpu")) drawn.low_pu = said.number();
        else if (said.is("vmaxpu")) drawn.high_pu = said.number();
        else if (said.is("cvrwatts")) drawn.p_exponent = said.number();
        else if (said.is("cvrvars")) drawn.q_exponent = said.number();
        else if (said.is("numcust")) drawn.customers = said.integer();
        else if (said.is("zipv")) drawn.zipv = said.numbers();
        else if (said.is("vlowpu") && said.number() != 0.5)
            said.finding("vlowpu other than 0.5 is not supported", "leave it out");
        else if ((said.is("rneut") && said.number() > 0.0) || (said.is("xneut") && said.number() != 0.0))
            said.finding("an impedance between its neutral and ground is not supported", "leave it out");
    }

    static void set_pf(Drawn& drawn, Said const& said) {
        drawn.pf = said.number();
        drawn.pf_was_said = true;
        if (drawn.pf != 0.0 && std::abs(drawn.pf) <= 1.0) return;
        said.finding(fmt::format("has a power factor of {}", drawn.pf), "give one between -1 and 1 that is not 0");
        drawn.pf = 1.0;
    }
    static void set(Drawn& drawn, double& value, Drawn::Amount amount, Said const& said) {
        value = said.number();
        drawn.amount = amount;
        drawn.allocate();
    }

    /// OpenDSS's models, as its export to CIM calls them.
    Index<feeder::LoadModel> model(Object const& object, Drawn const& drawn) {
        feeder::LoadModel row;
        std::string name;
        auto const exponents = [&](double p, double q) {
            row.exponential = true;
            row.p_power = row.q_power = 0.0;
            row.p_exponent = p;
            row.q_exponent = q;
        };
        switch (drawn.model) {
            case 1: name = "Constant kVA"; break;
            case 2:
                name = "Constant Z";
                row.p_power = row.q_power = 0.0;
                row.p_impedance = row.q_impedance = 1.0;
                break;
            case 3:
                name = "Motor";
                exponents(0.0, 2.0);
                break;
            case 4:
                name = "Mix Motor/Res";
                exponents(drawn.p_exponent, drawn.q_exponent);
                break;
            case 5:
                name = "Constant I";
                row.p_power = row.q_power = 0.0;
                row.p_current = row.q_current = 1.0;
                break;
            case 6: name = "Variable P, Fixed Q"; break;
            case 7:
                name = "Variable P, Fixed X";
                exponents(0.0, 2.0);
                break;
            case 8:
                name = "ZIPV";
                if (drawn.zipv.size() < 6) {
                    context_.finding(object, "has model 8 and no zipv",
                                     "give seven numbers: Z, I, P of kW, of kvar, cut-off");
                    break;
                }
                row.p_impedance = drawn.zipv[0], row.p_current = drawn.zipv[1], row.p_power = drawn.zipv[2];
                row.q_impedance = drawn.zipv[3], row.q_current = drawn.zipv[4], row.q_power = drawn.zipv[5];
                if (drawn.zipv.size() > 6 && drawn.zipv[6] != 0.0)
                    context_.assume("load.zipv", object, "its cut-off voltage is left out");
                break;
            default: context_.finding(object, fmt::format("has model {}", drawn.model), "there are models 1 to 8");
        }
        auto const key = std::tuple{drawn.model,     row.exponential, row.p_impedance, row.p_current,  row.p_power,
                                    row.q_impedance, row.q_current,   row.q_power,     row.p_exponent, row.q_exponent};
        auto const [place, is_new] = models_.try_emplace(key);
        if (!is_new) return place->second;
        if (auto const count = named_[name]++; count > 0) name += fmt::format(" {}", count + 1);
        place->second = context_.feeder.load_models.add(row, name, context_.mrid("model." + name));
        return place->second;
    }

    Context& context_;
    std::map<std::tuple<int, bool, double, double, double, double, double, double, double, double>,
             Index<feeder::LoadModel>>
        models_;
    std::map<std::string, int> named_;
};

}  // namespace

void read_loads(Context& context) {
    LoadReader reader{context};
    for (auto const& object : context.circuit.objects(Class::load))
        if (object.enabled && !object.is_open()) reader.read(object);
}

}  // namespace dec::io::dss
