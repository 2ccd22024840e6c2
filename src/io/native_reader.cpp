#include <algorithm>
#include <map>
#include <optional>
#include <type_traits>
#include <vector>

#include "dec/core/error.hpp"
#include "dec/io/native.hpp"
#include "native_columns.hpp"

namespace dec::io {

namespace {

using feeder::Feeder;
using feeder::Table;
using native::Coding;
using native::Flat;

/// Reads one file into one feeder and collects what is wrong with it.
class Reading {
  public:
    Reading(std::string const& path, std::string const& group) : path_{path}, file_{path} {
        if (!group.empty() && file_.contains("/feeders/name")) find_in_region(group.substr(group.rfind('/') + 1));
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

    /// A region holds its feeders as ranges of rows.
    void find_in_region(std::string const& name) {
        auto const names = std::get<std::vector<std::string>>(file_.column("/feeders/name").data);
        auto const found = std::ranges::find(names, name);
        if (found == names.end()) refuse(fmt::format("has no feeder {}", name), "dec inspect lists them");
        in_region_ = found - names.begin();
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
        return std::get<std::vector<std::string>>(file_.column(path).data).at(static_cast<std::size_t>(*in_region_));
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
        auto const begins = std::get<std::vector<std::int64_t>>(file_.column(path).data);
        auto const at = static_cast<std::size_t>(*in_region_);
        auto const end = at + 1 < begins.size() ? begins[at + 1] : rows_[label];
        if (begins.at(at) < 0 || begins[at] > end || end > rows_[label])
            throw core::InvalidInput{
                core::Finding{path_, path, fmt::format("row {} holds what cannot be", at), "write the file again"}};
        first_[label] = begins[at];
        rows_[label] = end - begins[at];
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
        table.storage().resize(static_cast<std::size_t>(rows));
        native::visit_texts<Row>(
            table, result_.feeder, [&](std::string_view name, std::string_view, core::TextColumn& texts) {
                attempt([&] {
                    auto column =
                        file_.block(fmt::format("{}/{}", group, name), core::BlockKind::text, 1, first_[label], rows);
                    texts = std::get<core::TextColumn>(std::move(column));
                });
            });
        native::visit_columns<Row>([&]<class Field>(std::type_identity<Field>, std::string const& name,
                                                    std::string_view, std::string const&, auto const& access) {
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
    core::Attributes attributes_;
    std::map<std::string_view, std::int64_t> rows_, first_;
    std::optional<std::int64_t> in_region_;  // which feeder of a region
    std::vector<core::Finding> findings_;
    ReadFeeder result_;
};

}  // namespace

ReadFeeder read_native(std::string const& path, std::string const& group) { return Reading{path, group}.run(); }

}  // namespace dec::io
