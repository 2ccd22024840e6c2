#include "settle_taps.hpp"

#include <fmt/format.h>

#include "dec/powerflow/controls.hpp"

namespace dec::app {

void warn_of_inactive(Context& context, std::vector<std::string> const& inactive) {
    if (inactive.empty()) return;
    context.log.warning(fmt::format("{} control{} left alone, the first is that of {}", inactive.size(),
                                    inactive.size() == 1 ? " is" : "s are", inactive.front()));
}

void settle_taps(Context& context, partition::Piece& piece, std::optional<double> source_voltage_pu) {
    powerflow::PowerFlow flow{context.comm, piece, {.source_voltage_pu = source_voltage_pu, .pv_scale = 0.0}};
    auto const outcome = powerflow::settle(context.comm, flow, {});
    warn_of_inactive(context, outcome.inactive);
    if (outcome.flow.status != powerflow::Status::converged)
        throw core::Error{
            core::ExitCode::not_converged,
            {{piece.feeder.heading.origin, "--taps settle",
              outcome.flow.status == powerflow::Status::iteration_limit
                  ? std::string{"regulators and capacitors do not come to rest without photovoltaics"}
                  : fmt::format("there is no power flow without photovoltaics; the largest mismatch, {:.3g} "
                                "kVA, is at {}",
                                outcome.flow.mismatch_kva, outcome.flow.mismatch_node),
              "--taps file or neutral; dec powerflow --pv-scale 0 shows more"}}};
    powerflow::apply(flow.positions(), piece.feeder);
    context.log.detail(fmt::format("taps settled after {} rounds: {} tap steps, {} capacitor switchings",
                                   outcome.rounds, outcome.tap_steps, outcome.switchings));
}

}  // namespace dec::app
