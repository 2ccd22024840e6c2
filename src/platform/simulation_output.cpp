#include "dec/platform/simulation_output.hpp"

#include <charconv>
#include <cmath>

#include "dec/core/error.hpp"
#include "dec/core/json.hpp"

namespace dec::platform {

namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

/// Numbers may come as text.
double number(std::string_view text) {
    double value = unknown;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() && std::isfinite(value) ? value : unknown;
}

/// Takes what is wanted out of the stream of events: a message of a large feeder has tens of thousands of entries.
class Handler final : public nlohmann::json_sax<core::Json> {
  public:
    SimulationOutput output;
    bool is_object = false;

    bool start_object(std::size_t) override {
        if (path_.empty()) is_object = true;
        enter();
        if (in_measurement()) {
            entry_ = {};
            entry_.mrid = path_.back();
            entry_reads_ = true;
        }
        return true;
    }
    bool end_object() override {
        if (in_measurement()) {
            if (!entry_reads_ || entry_.mrid.empty()) ++output.unreadable;
            if (!entry_.mrid.empty()) output.values.push_back(std::move(entry_));
        }
        path_.pop_back();
        return true;
    }
    bool start_array(std::size_t) override {
        enter();
        return true;
    }
    bool end_array() override {
        path_.pop_back();
        return true;
    }
    bool key(std::string& name) override {
        key_ = std::move(name);
        return true;
    }
    bool null() override { return leaf(unknown, {}); }
    bool boolean(bool value) override { return leaf(value ? 1.0 : 0.0, {}); }
    bool number_integer(number_integer_t value) override { return leaf(static_cast<double>(value), {}); }
    bool number_unsigned(number_unsigned_t value) override { return leaf(static_cast<double>(value), {}); }
    bool number_float(number_float_t value, std::string const&) override { return leaf(value, {}); }
    bool string(std::string& text) override { return leaf(number(text), text); }
    bool binary(binary_t&) override { return false; }
    bool parse_error(std::size_t at, std::string const&, nlohmann::detail::exception const&) override {
        error_at = at;
        return false;
    }
    std::size_t error_at = 0;

  private:
    /// An element of an array has no key of its own.
    void enter() { path_.push_back(std::exchange(key_, {})); }
    [[nodiscard]] bool in_measurement() const {
        return path_.size() == 4 && path_[1] == "message" && path_[2] == "measurements";
    }
    bool leaf(double value, std::string_view text) {
        auto const name = std::exchange(key_, {});
        if (in_measurement()) {
            auto const take = [&](double& place) {
                place = std::isfinite(value) ? value : unknown;
                entry_reads_ = entry_reads_ && std::isfinite(value);
            };
            if (name == "measurement_mrid" && !text.empty()) entry_.mrid = text;
            else if (name == "magnitude") take(entry_.magnitude);
            else if (name == "angle") take(entry_.angle_deg);
            else if (name == "value") take(entry_.value);
        } else if (path_.size() == 1 && name == "command") {
            output.command = text;
        } else if (path_.size() == 1 && name == "simulation_id") {
            output.simulation_id = text.empty() && std::isfinite(value)
                                       ? std::to_string(static_cast<std::int64_t>(value))
                                       : std::string{text};
        } else if (path_.size() == 2 && path_[1] == "message" && name == "timestamp") {
            if (std::abs(value) < 1e15) output.timestamp = static_cast<std::int64_t>(value);
        } else if (path_.size() == 3 && path_[1] == "message" && path_[2] == "measurements") {
            ++output.unreadable;  // an entry that is no object
        }
        return true;
    }

    std::vector<std::string> path_;  // of the objects and arrays around; the root has no name
    std::string key_;
    MeasuredValue entry_;
    bool entry_reads_ = true;
};

}  // namespace

SimulationOutput parse_output(std::string_view line) {
    Handler handler;
    bool const parsed = core::Json::sax_parse(line, &handler);
    if (!parsed)
        throw core::InvalidInput{core::Finding{
            {}, "line", "is no JSON (byte " + std::to_string(handler.error_at) + ")", "write one message per line"}};
    if (!handler.is_object)
        throw core::InvalidInput{core::Finding{{}, "line", "is no JSON object", "write one message per line"}};
    return std::move(handler.output);
}

}  // namespace dec::platform
