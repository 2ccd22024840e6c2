#include "dec/results/diff.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <filesystem>
#include <iterator>
#include <limits>
#include <optional>
#include <set>

#include "dec/core/error.hpp"
#include "dec/core/hdf5.hpp"
#include "dec/core/text.hpp"
#include "dec/results/schema.hpp"

namespace dec::results {

using core::AttributeValue;
using core::Column;
using core::Hdf5Reader;

namespace {

// --- values ------------------------------------------------------------------------------------------------------

std::string show(double value) { return fmt::format("{}", value); }
std::string show(std::int64_t value) { return fmt::format("{}", value); }
std::string show(std::string_view value) { return fmt::format("'{}'", value); }

/// How far apart, relative to max(1, |value|); infinite where no number says it.
double deviation(double a, double b) {
    if (a == b || (std::isnan(a) && std::isnan(b))) return 0.0;
    if (!std::isfinite(a) || !std::isfinite(b)) return std::numeric_limits<double>::infinity();
    return std::abs(a - b) / std::max({1.0, std::abs(a), std::abs(b)});
}
template <class Value>
double deviation(Value const& a, Value const& b) {
    return a == b ? 0.0 : std::numeric_limits<double>::infinity();
}

/// The alternatives of a variant of the file are in the order of Kind.
std::string_view kind_name(std::size_t index) { return to_text(static_cast<Kind>(index)); }

std::optional<std::string> compare(AttributeValue const& a, AttributeValue const& b, double tolerance) {
    if (a.index() != b.index()) return fmt::format("{} against {}", kind_name(a.index()), kind_name(b.index()));
    return std::visit(
        [&](auto const& first) -> std::optional<std::string> {
            auto const& second = std::get<std::decay_t<decltype(first)>>(b);
            if (deviation(first, second) <= tolerance) return {};
            return fmt::format("{} against {}", show(first), show(second));
        },
        a);
}

// --- datasets ----------------------------------------------------------------------------------------------------

std::size_t value_count(Column const& column) {
    return std::visit(
        []<class Values>(Values const& values) -> std::size_t {
            if constexpr (std::same_as<Values, core::Unknown>) return 0;  // none of it in a file that is read
            else return values.size();
        },
        column.data);
}

std::string shape(Column const& column) {
    if (column.width == 1) return fmt::format("{}", value_count(column));
    return fmt::format("{} x {}", column.width == 0 ? 0 : value_count(column) / column.width, column.width);
}

/// Where the first difference is and how large the largest; nothing if there is none.
template <class Values>
std::optional<std::string> compare_values(Values const& a, Values const& b, std::size_t width, double tolerance) {
    std::size_t count = 0, first = 0;
    double largest = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        double const d = deviation(a[i], b[i]);
        if (d <= tolerance) continue;
        if (count++ == 0) first = i;
        largest = std::max(largest, d);
    }
    if (count == 0) return {};
    auto const place =
        width == 1 ? fmt::format("row {}", first) : fmt::format("row {}, column {}", first / width, first % width);
    auto text = fmt::format("{} of {} values differ, first in {}: {} against {}", count, a.size(), place,
                            show(a[first]), show(b[first]));
    if (std::isfinite(largest)) text += fmt::format("; largest deviation {:.3g}", largest);
    return text;
}

std::optional<std::string> compare(Column const& a, Column const& b, double tolerance) {
    if (a.data.index() != b.data.index())
        return fmt::format("{} against {}", kind_name(a.data.index()), kind_name(b.data.index()));
    if (a.width != b.width || value_count(a) != value_count(b))
        return fmt::format("shape {} against {}", shape(a), shape(b));
    return std::visit(
        [&]<class Values>(Values const& values) -> std::optional<std::string> {
            if constexpr (std::same_as<Values, core::Unknown>) return {};
            else return compare_values(values, std::get<Values>(b.data), a.width, tolerance);
        },
        a.data);
}

// --- files -------------------------------------------------------------------------------------------------------

/// "/feeders/NAME/nodes/v" of a fleet is "/nodes/v" of one feeder.
std::string_view within_its_feeder(std::string_view path) {
    constexpr std::string_view fleet = "/feeders/";
    if (!path.starts_with(fleet)) return path;
    auto const end = path.find('/', fleet.size());
    return end == std::string_view::npos ? std::string_view{"/"} : path.substr(end);
}

/// How the work was spread and how long it took is no part of the answer.
bool compared(std::string const& path) {
    static constexpr std::array<std::string_view, 2> ignored{"/partition", "/timing"};
    auto const own = within_its_feeder(path);
    return std::ranges::none_of(ignored,
                                [&](auto group) { return own == group || own.starts_with(std::string{group} + "/"); });
}

std::set<std::string> compared_paths(std::vector<std::string> const& paths) {
    std::set<std::string> kept;
    std::copy_if(paths.begin(), paths.end(), std::inserter(kept, kept.end()), compared);
    return kept;
}

class Comparison {
  public:
    Comparison(std::string const& path_a, std::string const& path_b, double tolerance)
        : a_{path_a}, b_{path_b}, path_a_{path_a}, path_b_{path_b}, tolerance_{tolerance} {}

    [[nodiscard]] std::vector<std::string> run() {
        for (auto const& path : in_both(compared_paths(a_.groups()), compared_paths(b_.groups()))) attributes(path);
        for (auto const& path : in_both(compared_paths(a_.datasets()), compared_paths(b_.datasets()))) {
            attributes(path);
            if (auto const found = compare(a_.column(path), b_.column(path), tolerance_)) note(path, *found);
        }
        return std::move(found_);
    }

  private:
    void note(std::string const& place, std::string const& what) {
        found_.push_back(fmt::format("{}: {}", place, what));
    }

    /// Reports what only one of them has.
    std::vector<std::string> in_both(std::set<std::string> const& a, std::set<std::string> const& b) {
        std::vector<std::string> both;
        for (auto const& path : a) b.contains(path) ? both.push_back(path) : note(path, "only in " + path_a_);
        for (auto const& path : b)
            if (!a.contains(path)) note(path, "only in " + path_b_);
        return both;
    }

    void attributes(std::string const& path) {
        auto const a = a_.attributes(path), b = b_.attributes(path);
        for (auto const& [name, value] : a) {
            auto const place = fmt::format("{} attribute {}", path, name);
            auto const other = b.find(name);
            if (other == b.end()) note(place, "only in " + path_a_);
            else if (auto const found = compare(value, other->second, tolerance_)) note(place, *found);
        }
        for (auto const& [name, value] : b)
            if (!a.contains(name)) note(fmt::format("{} attribute {}", path, name), "only in " + path_b_);
    }

    Hdf5Reader a_, b_;
    std::string path_a_, path_b_;
    double tolerance_;
    std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> differences(std::string const& path_a, std::string const& path_b, double tolerance) {
    return Comparison{path_a, path_b, tolerance}.run();
}

namespace {

/// Ten digits are more than anybody reads, and hide the noise in the last ones.
std::string for_reading(double number) { return std::isnan(number) ? "-" : fmt::format("{:.10g}", number); }
std::string for_reading(auto const& value) { return fmt::format("{}", value); }

}  // namespace

namespace {

/// A line for each feeder of a fleet.
std::string describe_fleet(Hdf5Reader const& reader, std::vector<std::string> const& with_answer) {
    auto const texts = [&](char const* name) {
        return std::get<std::vector<std::string>>(reader.column(fmt::format("/fleet/{}", name)).data);
    };
    auto const reals = [&](char const* name) {
        return std::get<std::vector<double>>(reader.column(fmt::format("/fleet/{}", name)).data);
    };
    auto const name = texts("name"), status = texts("status"), error = texts("error");
    auto const curtailed = reals("curtailed_kw"), available = reals("available_kw"), largest = reals("alpha_max");
    auto text = fmt::format("\n  {:<32} {:<16} {:>14} {:>14} {:>14}\n", "feeder", "status", "curtailed_kw",
                            "available_kw", "alpha_max");
    for (std::size_t i = 0; i < name.size(); ++i)
        text += fmt::format("  {:<32} {:<16} {:>14} {:>14} {:>14}{}\n", core::printable(name[i]), status[i],
                            for_reading(curtailed[i]), for_reading(available[i]), for_reading(largest[i]),
                            error[i].empty() ? "" : "  " + core::printable(error[i]));
    return text + fmt::format("\n  {} of them have a group of their own below /feeders, as of a file of one feeder\n",
                              with_answer.size());
}

}  // namespace

std::string describe_file(std::string const& path) {
    Hdf5Reader const reader{path};
    std::string text = path + "\n\n";
    for (auto const& [name, value] : reader.attributes("/"))
        text += fmt::format("  {:<20} {}\n", name,
                            core::printable(std::visit([](auto const& v) { return for_reading(v); }, value)));
    if (auto const feeders = reader.groups_in("/feeders"); !feeders.empty()) text += describe_fleet(reader, feeders);
    text += fmt::format("\n  {:<32} {:<8} {:>14}  {:<5} {}\n", "dataset", "type", "shape", "unit", "meaning");
    auto const known = schema();
    for (auto const& dataset : reader.datasets()) {
        if (within_its_feeder(dataset) != dataset) continue;
        auto const column = reader.column(dataset);
        auto const field = std::find_if(known.begin(), known.end(), [&](Field const& f) { return f.path == dataset; });
        text += fmt::format("  {:<32} {:<8} {:>14}  {:<5} {}\n", dataset, kind_name(column.data.index()), shape(column),
                            column.unit, field == known.end() ? std::string_view{} : field->meaning);
    }
    return text;
}

bool is_results_file(std::string const& path) {
    if (!std::filesystem::exists(path))
        throw core::InvalidInput{
            {path.empty() ? "\"\"" : path, {}, "cannot be read: No such file or directory", "check the name"}};
    if (!core::is_hdf5(path)) {
        if (std::filesystem::path{path}.extension() == ".h5" && !std::filesystem::is_directory(path))
            throw core::InvalidInput{
                {path, {}, "is not HDF5, whatever its name says", "copy it again, or make it again"}};
        return false;
    }
    auto const attributes = Hdf5Reader{path}.attributes("/");
    auto const format = attributes.find("format");
    return format != attributes.end() && format->second == AttributeValue{std::string{format_name}};
}

}  // namespace dec::results
