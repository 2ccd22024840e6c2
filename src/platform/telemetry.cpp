#include "dec/platform/telemetry.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <numbers>

namespace dec::platform {

using feeder::ElementKind;
using feeder::Measurement;
using feeder::PerPhase;
using feeder::Phase;
using feeder::PhaseSet;
using feeder::slot;

namespace {

std::string bare(std::string_view mrid) { return std::string{mrid.substr(mrid.starts_with('_') ? 1 : 0)}; }

/// Power of one device as far as it is measured.
struct Measured {
    PerPhase p_w{}, q_var{};
    PhaseSet phases;
    [[nodiscard]] double total_p_w() const { return p_w[0] + p_w[1] + p_w[2]; }
    [[nodiscard]] double total_q_var() const { return q_var[0] + q_var[1] + q_var[2]; }
};

/// As std::polar, which must not be given what is not known.
std::complex<double> phasor(double magnitude, double angle) {
    return {magnitude * std::cos(angle), magnitude * std::sin(angle)};
}

struct Volts {
    double magnitude = feeder::unknown, angle = feeder::unknown;  ///< V to neutral; rad
};

/// Whether a measurement tells what would otherwise have to be assumed. Voltages only refine what loads draw.
bool is_needed(Measurement const& row) {
    bool const device = row.at.kind == ElementKind::load || row.at.kind == ElementKind::pv ||
                        row.at.kind == ElementKind::battery || row.at.kind == ElementKind::machine;
    return row.type == Measurement::Type::position || (row.type == Measurement::Type::power && device);
}

/// What a load draws at voltage `v` of nominal, as a share of what it draws at nominal voltage.
double share_at(double v, double impedance, double current, double power) {
    return impedance * v * v + current * v + power;
}

/// \param v_pu per place of the load, NaN where it is not measured.
void set_load(feeder::Feeder& now, feeder::Load& load, Measured const& measured, PerPhase const& v_pu) {
    auto const* const model = load.model.valid() ? &now.load_models[load.model] : nullptr;
    for (Phase phase : measured.phases.list()) {
        auto const k = slot(phase);
        double p_share = 1.0, q_share = 1.0;
        if (double const v = v_pu[k]; model != nullptr && v > 0.0) {
            p_share = model->exponential ? std::pow(v, model->p_exponent)
                                         : share_at(v, model->p_impedance, model->p_current, model->p_power);
            q_share = model->exponential ? std::pow(v, model->q_exponent)
                                         : share_at(v, model->q_impedance, model->q_current, model->q_power);
        }
        if (p_share > 0.0) load.p_w[k] = measured.p_w[k] / p_share;
        if (q_share > 0.0) load.q_var[k] = measured.q_var[k] / q_share;
    }
}

}  // namespace

/// One pass over everything that is known.
class Telemetry::Reading {
  public:
    explicit Reading(feeder::Feeder& now) : now_{now} {
        loads_.resize(now.loads.size());
        pv_.resize(now.pv_systems.size());
        batteries_.resize(now.batteries.size());
        machines_.resize(now.machines.size());
        volts_.resize(now.buses.size());
    }

    /// Whether the value is of the kind that the measurement gives.
    static bool is_usable(Measurement::Type type, Known const& known) {
        switch (type) {
            case Measurement::Type::voltage: return known.magnitude > 0.0;
            case Measurement::Type::power: return std::isfinite(known.magnitude) && std::isfinite(known.angle_deg);
            case Measurement::Type::position: return std::isfinite(known.value);
            default: return false;
        }
    }

    void take(Measurement const& row, Known const& known, std::string_view name, Freshness& freshness) {
        switch (row.type) {
            case Measurement::Type::voltage: take_voltage(row, known); break;
            case Measurement::Type::power: take_power(row, known); break;
            case Measurement::Type::position:
                if (!take_position(row, known.value)) freshness.implausible.add(name);
                break;
            default: break;
        }
    }

    std::vector<double> finish() {
        for (auto id : now_.loads.ids()) set_load(now_, now_.loads[id], loads_[id.at()], voltage_of(now_.loads[id]));
        std::vector<double> export_w(pv_.size(), feeder::unknown);
        for (auto id : now_.pv_systems.ids()) {
            auto& inverter = now_.pv_systems[id].inverter;
            auto const& measured = pv_[id.at()];
            if (!(inverter.phases - measured.phases).empty()) continue;
            // Photovoltaics do not draw power: what is measured is export, whichever way the meter looks.
            double const sign = measured.total_p_w() > 0.0 ? 1.0 : -1.0;
            export_w[id.at()] = sign * measured.total_p_w();
            for (std::size_t k = 0; k < 3; ++k) inverter.q_var[k] = sign * measured.q_var[k];
        }
        for (auto id : now_.batteries.ids()) {
            auto& inverter = now_.batteries[id].inverter;
            for (Phase phase : batteries_[id.at()].phases.list()) {
                inverter.p_w[slot(phase)] = -batteries_[id.at()].p_w[slot(phase)];
                inverter.q_var[slot(phase)] = -batteries_[id.at()].q_var[slot(phase)];
            }
        }
        for (auto id : now_.machines.ids()) {
            auto& machine = now_.machines[id];
            if (!(machine.phases - machines_[id.at()].phases).empty()) continue;
            machine.p_w = -machines_[id.at()].total_p_w();
            machine.q_var = -machines_[id.at()].total_q_var();
        }
        return export_w;
    }

  private:
    void take_voltage(Measurement const& row, Known const& known) {
        if (row.at.bus.valid())
            for (Phase phase : row.phases.list())
                volts_[row.at.bus.at()][slot(phase)] = {known.magnitude, known.angle_deg * std::numbers::pi / 180.0};
    }

    void take_power(Measurement const& row, Known const& known) {
        auto* const device = measured_of(row.at);
        if (device == nullptr || row.phases.empty()) return;
        auto const angle = known.angle_deg * std::numbers::pi / 180.0;
        auto const share = phasor(known.magnitude, angle) / static_cast<double>(row.phases.size());
        for (Phase phase : row.phases.list()) {
            device->p_w[slot(phase)] = share.real();
            device->q_var[slot(phase)] = share.imag();
            device->phases.insert(phase);
        }
    }

    Measured* measured_of(feeder::TerminalRef const& at) {
        auto const row = static_cast<std::size_t>(at.element);
        switch (at.kind) {
            case ElementKind::load: return &loads_[row];
            case ElementKind::pv: return &pv_[row];
            case ElementKind::battery: return &batteries_[row];
            case ElementKind::machine: return &machines_[row];
            default: return nullptr;
        }
    }

    static bool set_step(feeder::TapChanger& changer, double value) {
        if (value < changer.low_step || value > changer.high_step) return false;
        changer.step = value;
        return true;
    }

    /// \return false for a position that the device does not have.
    bool take_position(Measurement const& row, double value) {
        auto const element = static_cast<std::size_t>(row.at.element);
        if (row.at.kind == ElementKind::tap_changer) {
            return set_step(now_.tap_changers.rows()[element], value);
        } else if (row.at.kind == ElementKind::bank || row.at.kind == ElementKind::transformer) {
            // The platform's exporter lets the position of a tap changer be one of its transformer.
            bool possible = true;
            for (auto& changer : now_.tap_changers.rows()) {
                auto const& unit = now_.transformers[changer.transformer];
                bool const here = row.at.kind == ElementKind::bank ? unit.bank.value() == row.at.element
                                                                   : changer.transformer.value() == row.at.element;
                auto const phases = unit.phases(changer.winding);
                if (here && (row.phases.empty() || !(phases & row.phases).empty()))
                    possible = set_step(changer, value) && possible;
            }
            return possible;
        } else if (row.at.kind == ElementKind::switch_) {
            if (value != 0.0 && value != 1.0) return false;
            auto& device = now_.switches.rows()[element];
            for (Phase phase : (row.phases.empty() ? device.phases : row.phases).list()) {
                if (!device.phases.contains(phase)) continue;
                if (value == 1.0) device.closed.insert(phase);
                else device.closed = device.closed - PhaseSet{phase};
            }
        } else if (row.at.kind == ElementKind::capacitor) {
            auto& device = now_.capacitors.rows()[element];
            if (value < 0.0 || value > device.maximum_sections) return false;
            for (Phase phase : (row.phases.empty() ? device.phases : row.phases).list())
                if (device.phases.contains(phase)) device.sections[slot(phase)] = value;
        }
        return true;
    }

    /// Of nominal, across each place of a load.
    PerPhase voltage_of(feeder::Load const& load) const {
        auto const& volts = volts_[load.bus.at()];
        double const base_v = now_.buses[load.bus].base_v;
        PerPhase v_pu{feeder::unknown, feeder::unknown, feeder::unknown};
        for (Phase phase : load.phases.list()) {
            auto const k = slot(phase);
            if (load.connection != feeder::Connection::delta) {
                v_pu[k] = volts[k].magnitude / (std::isnan(load.nominal_v) ? base_v : load.nominal_v);
                continue;
            }
            auto const ends = feeder::delta_pair(phase);
            auto const &a = volts[slot(ends[0])], &b = volts[slot(ends[1])];
            v_pu[k] = std::abs(phasor(a.magnitude, a.angle) - phasor(b.magnitude, b.angle)) /
                      (std::isnan(load.nominal_v) ? std::sqrt(3.0) * base_v : load.nominal_v);
        }
        return v_pu;
    }

    feeder::Feeder& now_;
    std::vector<Measured> loads_, pv_, batteries_, machines_;
    std::vector<std::array<Volts, 3>> volts_;
};

Telemetry::Telemetry(feeder::Feeder const& feeder)
    : measurements_{feeder.measurements.rows().begin(), feeder.measurements.rows().end()},
      known_(feeder.measurements.size()) {
    for (auto id : feeder.measurements.ids()) {
        names_.emplace_back(feeder.measurements.name(id));
        row_of_.emplace(bare(feeder.measurements.mrid(id)), id.at());
    }
}

Tally Telemetry::take(SimulationOutput const& output) {
    Tally strange;
    for (auto const& value : output.values) {
        auto const found = row_of_.find(bare(value.mrid));
        if (found == row_of_.end()) {
            strange.add(value.mrid);
            continue;
        }
        auto& known = known_[found->second];
        Known const next{value.magnitude, value.angle_deg, value.value, *output.timestamp, true};
        if (!Reading::is_usable(measurements_[found->second].type, next)) continue;
        if (!known.ever || known.at <= next.at) known = next;
    }
    return strange;
}

std::vector<double> Telemetry::apply(feeder::Feeder& now, std::int64_t time, double max_age_s,
                                     Freshness& freshness) const {
    Reading reading{now};
    for (std::size_t row = 0; row < measurements_.size(); ++row) {
        auto const type = measurements_[row].type;
        if (type == Measurement::Type::current || type == Measurement::Type::state_of_charge) continue;  // not used
        auto const& known = known_[row];
        if (!known.ever) {
            if (is_needed(measurements_[row])) freshness.silent.add(names_[row]);
            continue;
        }
        auto const age_s = static_cast<double>(time - known.at);
        if (age_s > max_age_s) {
            if (is_needed(measurements_[row])) freshness.expired.add(names_[row]);
            continue;
        }
        if (age_s > 0.0 && is_needed(measurements_[row])) {
            freshness.held.add(names_[row]);
            freshness.oldest_s = std::max(freshness.oldest_s, age_s);
        }
        reading.take(measurements_[row], known, names_[row], freshness);
    }
    return reading.finish();
}

}  // namespace dec::platform
