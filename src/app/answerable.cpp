#include "answerable.hpp"

#include <array>

#include "dec/coordination/answer.hpp"
#include "open_feeder.hpp"

namespace dec::app {

namespace {

struct Way {
    char const* options;
    bool neutral = false, no_v_min = false;
    std::optional<double> source_voltage;
};

bool has_answer(partition::Piece const& piece, Way const& way) {
    core::Communicator const alone{MPI_COMM_SELF};
    model::LinDist3Flow flow{alone, piece, {.source_voltage_pu = way.source_voltage}};
    coordination::Settings settings{.scope = fairness::Scope::feeder};
    if (way.no_v_min) settings.limits.v_min_pu = 0.0;
    auto const answer =
        coordination::find_method("bisection")->run(alone, flow, *fairness::find_policy("proportional"), settings, {});
    return answer.status == coordination::Status::optimal;
}

}  // namespace

std::optional<std::string> options_with_an_answer(feeder::Feeder const& feeder) {
    static constexpr std::array ways{
        Way{.options = ""},
        Way{.options = "--taps neutral", .neutral = true},
        Way{.options = "--source-voltage 0.98", .source_voltage = 0.98},
        Way{.options = "--taps neutral --vmin 0", .neutral = true, .no_v_min = true},
        Way{.options = "--source-voltage 0.98 --vmin 0", .no_v_min = true, .source_voltage = 0.98},
        Way{.options = "--taps neutral --source-voltage 0.98 --vmin 0",
            .neutral = true,
            .no_v_min = true,
            .source_voltage = 0.98},
    };
    for (auto const& way : ways) {
        auto asked = feeder;
        if (way.neutral) feeder::set_taps_neutral(asked);
        if (has_answer(whole_on_one_rank(std::move(asked)), way)) return way.options;
    }
    return std::nullopt;
}

}  // namespace dec::app
