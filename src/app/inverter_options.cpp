#include "inverter_options.hpp"

#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "usage.hpp"

namespace dec::app {

namespace {

std::optional<double> number(std::string_view text) {
    double value = 0.0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return {};
    return value;
}

/// "0.92:0.44,0.98:0": points in ascending order of voltage; nothing if it is none.
std::optional<powerflow::Curve> curve(std::string_view text) {
    powerflow::Curve points;
    while (true) {
        auto const point = text.substr(0, text.find(','));
        auto const colon = point.find(':');
        if (colon == std::string_view::npos) return {};
        auto const v = number(point.substr(0, colon)), value = number(point.substr(colon + 1));
        if (!v || !value || (!points.empty() && *v <= points.back().v_pu)) return {};
        points.push_back({*v, *value});
        if (point.size() == text.size()) return points;
        text.remove_prefix(point.size() + 1);
    }
}

CLI::Validator words_or_points(std::vector<std::string> const& words) {
    return CLI::Validator{[words](std::string const& text) {
                              for (auto const& word : words)
                                  if (text == word) return std::string{};
                              if (curve(text)) return std::string{};
                              std::string known;
                              for (auto const& word : words) known += word + ", ";
                              return "\"" + text + "\" is not " + known +
                                     "or points like 0.92:0.44,0.98:0 in ascending order of voltage";
                          },
                          ""};
}

}  // namespace

void InverterOptions::add_to(CLI::App& command) {
    command
        .add_option(
            "--volt-var", volt_var,
            "reactive power of PV inverters by voltage: a or b, the default of IEEE 1547-2018's category, or points "
            "V:Q,... with V in pu and Q as a share of the rated apparent power, injection positive")
        ->capture_default_str()
        ->type_name("CURVE")
        ->check(words_or_points({"none", "a", "b"}));
    command
        .add_option(
            "--volt-watt", volt_watt,
            "most active power of PV inverters by voltage: default, that of IEEE 1547-2018, or points V:P,... with P "
            "as a share of the rated active power")
        ->capture_default_str()
        ->type_name("CURVE")
        ->check(words_or_points({"none", "default"}));
    one_of(*command
                .add_option("--inverter-priority", priority,
                            "which of the two powers an inverter keeps where its rating is too small for both")
                ->capture_default_str(),
           {"reactive", "active"});
}

powerflow::InverterCurves InverterOptions::curves() const {
    powerflow::InverterCurves curves;
    if (volt_var == "a") curves.volt_var = powerflow::volt_var_category_a();
    else if (volt_var == "b") curves.volt_var = powerflow::volt_var_category_b();
    else if (volt_var != "none") curves.volt_var = *curve(volt_var);
    if (volt_watt == "default") curves.volt_watt = powerflow::volt_watt_default();
    else if (volt_watt != "none") curves.volt_watt = *curve(volt_watt);
    if (priority == "active") curves.priority = powerflow::InverterCurves::Priority::active;
    return curves;
}

}  // namespace dec::app
