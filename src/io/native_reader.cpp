#include <algorithm>
#include <concepts>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "dec/core/error.hpp"
#include "dec/io/native.hpp"
#include "files.hpp"
#include "native_columns.hpp"

namespace dec::io {

namespace {

using feeder::Feeder;
using feeder::Table;
using native::Coding;
using native::Flat;

/// Tables with about as many rows as the feeder has buses; the others are small, or rare.
template <class Row>
inline constexpr bool is_large =
    std::same_as<Row, feeder::Bus> || std::same_as<Row, feeder::Line> || std::same_as<Row, feeder::Transformer> ||
    std::same_as<Row, feeder::Bank> || std::same_as<Row, feeder::Load> || std::same_as<Row, feeder::PvSystem>;

/// Whether hanging and splitting a feeder can do without a column of a large table.
template <class Row, class Field>
bool is_left_out(std::string_view name) {
    if (std::same_as<Row, feeder::Bus> && name == "base_voltage") return false;
    if (std::same_as<Row, feeder::Line> && name == "length") return false;
    return std::same_as<typename Flat<Field>::Value, double>;
}

enum class Extent { whole, outline };

/// Reads one file into one feeder and collects what is wrong with it.
class Reading {
  public:
    Reading(std::string const& path, std::string const& group, std::int64_t member, Extent extent)
        : path_{path}, file_{path}, extent_{extent} {
        if (!group.empty() && file_.contains("/feeders/name"))
            find_in_region(group.substr(group.rfind('/') + 1), member);
        else file_.below(group);
    }

    ReadFeeder run() {
        require_feeder_file();
        read_heading();
        count_rows();
        feeder::for_each_table(result_.feeder,
                               [&]<class Row>(std::string_view label, Table<Row>& table) { read_table(label, table); });
        feeder::for_each_table(result_.feeder, [&]<class Row>(std::string_view label, Table<Row> const& table) {
            check_references(label, table);
        });
        if (!findings_.empty()) throw core::InvalidInput{std::move(findings_)};
        return std::move(result_);
    }

  private:
    void find(std::string element, std::string problem) {
        findings_.push_back({path_, std::move(element), std::move(problem), "write the file again"});
    }
    [[noreturn]] void refuse(std::string problem, std::string remedy) const {
        throw core::InvalidInput{core::Finding{path_, {}, std::move(problem), std::move(remedy)}};
    }

    /// A region holds its feeders as ranges of rows. \param member where the name stands, if that is known: whoever reads one feeder
    /// after another does not look through all names for each.
    void find_in_region(std::string const& name, std::int64_t member) {
        auto const all = file_.rows("/feeders/name");
        if (member >= 0 && member < all && text_of_member("/feeders/name", member) == name) {
            in_region_ = member;
            return;
        }
        auto const names = std::get<core::TextColumn>(file_.block("/feeders/name", core::BlockKind::text, 1, 0, all));
        std::int64_t row = 0;
        while (row < all && names[static_cast<std::size_t>(row)] != name) ++row;
        if (row == all) refuse(fmt::format("has no feeder {}", name), "dec inspect lists them");
        in_region_ = row;
    }
    std::string text_of_member(std::string const& path, std::int64_t member) const {
        auto const texts = std::get<core::TextColumn>(file_.block(path, core::BlockKind::text, 1, member, 1));
        return std::string{texts[0]};
    }

    void require_feeder_file() {
        attributes_ = file_.attributes("/");
        auto const format = text("format");
        if (format == "dec-results")
            refuse("is a results file, not a feeder", "name the feeder it is of; dec inspect shows what is in it");
        if (format == region_format_name && !in_region_)
            refuse(fmt::format("is a region of {} feeders, not one", file_.rows("/feeders/name")),
                   "name a file of one feeder; docs/native.md says how to take one out");
        if (format != native_format_name && !in_region_)
            refuse("is an HDF5 file, but no feeder of dec", "formats are in dec --help");
        auto const found = attributes_.find("format_version");
        auto const* version = found == attributes_.end() ? nullptr : std::get_if<std::int64_t>(&found->second);
        if (version == nullptr || *version != native_format_version)
            refuse(version == nullptr
                       ? std::string{"does not say its format_version"}
                       : fmt::format("has format_version {}; this dec reads {}", *version, native_format_version),
                   "convert the feeder again from its source");
    }

    std::string text(std::string const& name) const {
        auto const found = attributes_.find(name);
        auto const* value = found == attributes_.end() ? nullptr : std::get_if<std::string>(&found->second);
        return value == nullptr ? std::string{} : *value;
    }

    void read_heading() {
        auto& heading = result_.feeder.heading;
        feeder::visit_fields<feeder::Heading>(
            [&](std::string const& name, std::string_view, auto const& access) { access(heading) = in_heading(name); });
        heading.origin = path_;
    }
    std::string in_heading(std::string const& name) const {
        if (!in_region_) return text(name);
        auto const path = "/feeders/" + name;
        if (!file_.contains(path)) return {};
        return text_of_member(path, *in_region_);
    }

    void count_rows() {
        feeder::for_each_table(result_.feeder, [&](std::string_view label, auto const&) {
            auto const path = fmt::format("{}/name", native::group_of(label));
            attempt([&] {
                rows_[label] = file_.rows(path);
                if (in_region_) take_range(label);
            });
            if (rows_[label] > std::numeric_limits<std::int32_t>::max()) {
                find(path, fmt::format("{} rows are too many", rows_[label]));
                rows_[label] = 0;
            }
        });
    }

    /// The feeder's rows of a region's table, which end where the next one's begin.
    void take_range(std::string_view label) {
        auto const path = fmt::format("/feeders/first_{}", native::table_name(native::group_of(label)));
        auto const at = *in_region_;
        bool const last = at + 1 == file_.rows("/feeders/name");
        auto const begins =
            std::get<std::vector<std::int64_t>>(file_.block(path, core::BlockKind::int64, 1, at, last ? 1 : 2));
        auto const end = last ? rows_[label] : begins[1];
        if (begins[0] < 0 || begins[0] > end || end > rows_[label])
            throw core::InvalidInput{
                core::Finding{path_, path, fmt::format("row {} holds what cannot be", at), "write the file again"}};
        first_[label] = begins[0];
        rows_[label] = end - begins[0];
    }

    /// Findings of one column do not keep the others from being looked at.
    template <class Work>
    void attempt(Work const& work) {
        try {
            work();
        } catch (core::InvalidInput const& error) {
            for (auto const& finding : error.findings()) find(finding.element, finding.problem);
        }
    }

    template <class Row>
    void read_table(std::string_view label, Table<Row>& table) {
        auto const group = native::group_of(label);
        auto const rows = rows_[label];
        bool const outline = extent_ == Extent::outline;
        if (outline && std::same_as<Row, feeder::Measurement>) return;
        table.storage().resize(static_cast<std::size_t>(rows));
        native::visit_texts<Row>(
            table, result_.feeder, [&](std::string_view name, std::string_view, core::TextColumn& texts) {
                if (outline && is_large<Row>) {
                    texts.ends().assign(static_cast<std::size_t>(rows), 0);
                    return;
                }
                attempt([&] {
                    auto column =
                        file_.block(fmt::format("{}/{}", group, name), core::BlockKind::text, 1, first_[label], rows);
                    texts = std::get<core::TextColumn>(std::move(column));
                });
            });
        native::visit_columns<Row>([&]<class Field>(std::type_identity<Field>, std::string const& name,
                                                    std::string_view, std::string const&, auto const& access) {
            if (outline && is_large<Row> && is_left_out<Row, Field>(name)) return;
            attempt([&] { read_column<Field>(fmt::format("{}/{}", group, name), first_[label], table, access); });
        });
        if (rows == 0) return;
        auto const& names = table.names();
        result_.report.add(group, Use::read, names.size() == 0 ? std::string_view{} : names[0], {}, rows);
    }

    template <class Field, class Row, class Access>
    void read_column(std::string const& path, std::int64_t first, Table<Row>& table, Access const& access) {
        using Code = Coding<typename Flat<Field>::Value>;
        using Stored = typename Code::Stored;
        auto const column = file_.block(path, native::kind_of<Stored>(), Flat<Field>::size, first,
                                        static_cast<std::int64_t>(table.size()));
        auto const& values = std::get<std::vector<Stored>>(column);
        std::size_t next = 0;
        std::optional<std::size_t> wrong;
        for (auto& row : table.rows())
            Flat<Field>::visit(access(row), [&](auto& value) {
                if (!Code::decode(values[next], value) && !wrong) wrong = next;
                ++next;
            });
        if (wrong) find(path, fmt::format("row {} holds {}", *wrong / Flat<Field>::size, values[*wrong]));
    }

    /// What refers to a row must find one there.
    template <class Row>
    void check_references(std::string_view label, Table<Row> const& table) {
        auto const group = native::group_of(label);
        native::visit_columns<Row>(
            [&]<class Field>(std::type_identity<Field>, std::string const& name, std::string_view, std::string const&,
                             auto const& access) { check_column(fmt::format("{}/{}", group, name), table, access); });
        // Places that count within a row.
        if constexpr (std::same_as<Row, feeder::TransformerCode>)
            check_each(group, table, "windings",
                       [](auto const& row) { return row.windings == 2 || row.windings == 3; });
        if constexpr (std::same_as<Row, feeder::Line>)
            check_each(group, table, "conductors", [](auto const& row) { return row.conductors <= 3; });
        if constexpr (std::same_as<Row, feeder::LineCode>)
            check_each(group, table, "conductors", [](auto const& row) { return row.conductors <= 3; });
        if constexpr (std::same_as<Row, feeder::TapChanger>)
            check_each(group, table, "winding", [](auto const& row) { return row.winding < 3; });
        if constexpr (requires(Row const& row) { row.control; })
            check_each(group, table, "control_monitored_element",
                       [&](auto const& row) { return finds_element(row.control.monitored); });
        if constexpr (std::same_as<Row, feeder::Measurement>)
            check_each(group, table, "at_element", [&](auto const& row) { return finds_element(row.at); });
    }

    template <class Row, class Access>
    void check_column(std::string const& path, Table<Row> const& table, Access const& access) {
        using Field = std::remove_cvref_t<decltype(access(table.rows()[0]))>;
        check_indices<Field>(path, table, access, std::type_identity<typename Flat<Field>::Value>{});
    }
    template <class Field, class Row, class Access, class Value>
    void check_indices(std::string const&, Table<Row> const&, Access const&, std::type_identity<Value>) {}
    template <class Field, class Row, class Access, class Target>
    void check_indices(std::string const& path, Table<Row> const& table, Access const& access,
                       std::type_identity<core::Index<Target>>) {
        auto const size = rows_[native::label_of<Target>()];
        for (auto id : table.ids()) {
            if (access(table[id]).value() < size) continue;
            find(path, fmt::format("row {} refers to row {} of {}", id.value(), access(table[id]).value(), size));
            return;
        }
    }

    template <class Row, class Fits>
    void check_each(std::string_view group, Table<Row> const& table, std::string_view field, Fits const& fits) {
        auto const wrong = std::ranges::find_if_not(table.rows(), fits);
        if (wrong == table.rows().end()) return;
        find(fmt::format("{}/{}", group, field),
             fmt::format("row {} holds what cannot be", wrong - table.rows().begin()));
    }

    [[nodiscard]] bool finds_element(feeder::TerminalRef const& at) const {
        auto const label = feeder::literal(at.kind);
        auto const table = rows_.find(label);
        return at.kind == feeder::ElementKind::none || (table != rows_.end() && at.element < table->second);
    }

    std::string path_;
    core::Hdf5Reader file_;
    Extent extent_;
    core::Attributes attributes_;
    std::map<std::string_view, std::int64_t> rows_, first_;
    std::optional<std::int64_t> in_region_;  // which feeder of a region
    std::vector<core::Finding> findings_;
    ReadFeeder result_;
};

/// Rows of a file that are read at once, and which of those wanted they are.
struct Run {
    std::int64_t first = 0, count = 0;  // of the file
    std::size_t begin = 0, end = 0;     // of the wanted rows in ascending order
};

/// Reads scattered rows of tables.
class Completion {
  public:
    Completion(std::string const& path, Feeder& part) : file_{path}, part_{part} {}

    template <class Row>
    void operator()(Table<Row>& table, std::span<std::int64_t const> rows) {
        find_runs(rows);
        auto const group = native::group_of(native::label_of<Row>());
        native::visit_texts<Row>(table, part_, [&](std::string_view name, std::string_view, core::TextColumn& texts) {
            texts = read_texts(fmt::format("{}/{}", group, name));
        });
        native::visit_columns<Row>([&]<class Field>(std::type_identity<Field>, std::string const& name,
                                                    std::string_view, std::string const&, auto const& access) {
            if constexpr (std::same_as<typename Flat<Field>::Value, double>)
                if (is_left_out<Row, Field>(name))
                    read_numbers<Field>(fmt::format("{}/{}", group, name), table, access);
        });
    }

  private:
    void find_runs(std::span<std::int64_t const> rows) {
        constexpr std::int64_t gap = 1000;         // rows that are read in vain rather than asked for apart
        constexpr std::int64_t longest = 1 << 20;  // what is read at once stays small beside what is kept
        rows_ = rows;
        order_.resize(rows.size());
        std::iota(order_.begin(), order_.end(), std::size_t{0});
        if (!std::ranges::is_sorted(rows)) std::ranges::sort(order_, {}, [&](std::size_t i) { return rows[i]; });
        runs_.clear();
        for (std::size_t k = 0; k < order_.size(); ++k) {
            auto const row = rows[order_[k]];
            if (runs_.empty() || row >= runs_.back().first + runs_.back().count + gap ||
                row >= runs_.back().first + longest)
                runs_.push_back({.first = row, .begin = k});
            runs_.back().count = row - runs_.back().first + 1;
            runs_.back().end = k + 1;
        }
    }

    core::TextColumn read_texts(std::string const& path) {
        auto const read = [&](Run const& run) {
            return std::get<core::TextColumn>(file_.block(path, core::BlockKind::text, 1, run.first, run.count));
        };
        if (runs_.size() == 1 && runs_[0].count == static_cast<std::int64_t>(rows_.size()) &&
            std::ranges::is_sorted(rows_))
            return read(runs_[0]);
        core::TextColumn ascending;
        for (auto const& run : runs_) {
            auto const texts = read(run);
            ascending.reserve(rows_.size(), 0);
            for (auto k = run.begin; k < run.end; ++k)
                ascending.push_back(texts[static_cast<std::size_t>(rows_[order_[k]] - run.first)]);
        }
        if (std::ranges::is_sorted(rows_)) return ascending;
        std::vector<std::size_t> place(order_.size());
        for (std::size_t k = 0; k < order_.size(); ++k) place[order_[k]] = k;
        core::TextColumn texts;
        texts.reserve(rows_.size(), ascending.bytes().size());
        for (auto const k : place) texts.push_back(ascending[k]);
        return texts;
    }

    template <class Field, class Row, class Access>
    void read_numbers(std::string const& path, Table<Row>& table, Access const& access) {
        for (auto const& run : runs_) {
            auto const column = file_.block(path, core::BlockKind::real, Flat<Field>::size, run.first, run.count);
            auto const& values = std::get<std::vector<double>>(column);
            for (auto k = run.begin; k < run.end; ++k) {
                double const* next =
                    values.data() + static_cast<std::size_t>(rows_[order_[k]] - run.first) * Flat<Field>::size;
                Flat<Field>::visit(access(table.rows()[order_[k]]), [&](double& value) { value = *next++; });
            }
        }
    }

    core::Hdf5Reader file_;
    Feeder& part_;
    std::span<std::int64_t const> rows_;
    std::vector<std::size_t> order_;  // of the wanted rows: ascending
    std::vector<Run> runs_;
};

}  // namespace

ReadFeeder read_native(std::string const& path, std::string const& group, std::int64_t member) {
    return Reading{path, group, member, Extent::whole}.run();
}

ReadFeeder read_native_outline(std::string const& path) { return Reading{path, {}, -1, Extent::outline}.run(); }

void complete_from_native(std::string const& path, Feeder& part, NativeRows const& rows) {
    Completion complete{path, part};
    complete(part.buses, rows.buses);
    complete(part.lines, rows.lines);
    complete(part.transformers, rows.transformers);
    complete(part.banks, rows.banks);
    complete(part.loads, rows.loads);
    complete(part.pv_systems, rows.pv_systems);
}

}  // namespace dec::io
