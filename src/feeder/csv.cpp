#include "dec/feeder/csv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <limits>
#include <utility>

#include "dec/core/text.hpp"

namespace dec::feeder {

namespace {

/// What spreadsheets begin a UTF-8 table with.
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

std::string_view trimmed(std::string_view text) {
    static constexpr std::string_view blanks = " \t\r";
    auto const first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::vector<std::string> split(std::string_view line) {
    std::vector<std::string> cells;
    for (std::size_t begin = 0; begin <= line.size();) {
        auto const comma = std::min(line.find(',', begin), line.size());
        cells.emplace_back(trimmed(line.substr(begin, comma - begin)));
        begin = comma + 1;
    }
    return cells;
}

}  // namespace

CsvTable::CsvTable(std::string path, std::initializer_list<std::string_view> columns,
                   std::vector<core::Finding>& findings, std::initializer_list<std::string_view> optional)
    : path_{std::move(path)}, findings_{findings} {
    std::ifstream file{path_};
    if (!file) {
        findings_.push_back({path_, {}, "cannot be read", "see whether the table is there"});
        return;
    }
    std::string line;
    std::size_t number = 0;
    while (std::getline(file, line)) {
        ++number;
        if (number == 1 && line.starts_with(byte_order_mark)) line.erase(0, byte_order_mark.size());
        if (trimmed(line).empty()) continue;
        if (core::first_not_utf8(line)) {
            findings_.push_back({path_, fmt::format("line {}", number), "is not UTF-8", "save the table as UTF-8"});
            return;
        }
        auto cells = split(line);
        if (column_.empty()) {
            read_heading(cells, columns, optional);
        } else if (cells.size() != column_.size()) {
            findings_.push_back({path_,
                                 fmt::format("line {}", number),
                                 fmt::format("has {} cells, the heading has {}", cells.size(), column_.size()),
                                 {}});
        } else {
            records_.push_back({number, std::move(cells)});
        }
    }
    if (column_.empty())
        findings_.push_back({path_, {}, "is empty", fmt::format("start with {}", fmt::join(columns, ","))});
}

void CsvTable::read_heading(std::vector<std::string> const& cells, std::initializer_list<std::string_view> columns,
                            std::initializer_list<std::string_view> optional) {
    std::vector<std::string_view> known{columns};
    known.insert(known.end(), optional.begin(), optional.end());
    auto const add = [this](std::string_view column, std::string problem, std::string remedy) {
        findings_.push_back({path_, fmt::format("line 1, column {}", column), std::move(problem), std::move(remedy)});
    };
    for (std::size_t i = 0; i < cells.size(); ++i) {
        if (std::ranges::find(known, cells[i]) == known.end())
            add(cells[i], "has no meaning", fmt::format("columns are {}", fmt::join(known, ", ")));
        if (!column_.emplace(cells[i], i).second) add(cells[i], "stands twice", "keep one");
    }
    for (auto column : columns)
        if (!column_.contains(column)) add(column, "is missing", "add it");
}

std::vector<CsvRow> CsvTable::rows() const {
    std::vector<CsvRow> rows;
    rows.reserve(records_.size());
    for (std::size_t row = 0; row < records_.size(); ++row) rows.emplace_back(*this, row);
    return rows;
}

std::size_t CsvRow::line() const { return table_->records_[row_].line; }

std::string_view CsvRow::cell(std::string_view column) const {
    auto const found = table_->column_.find(column);
    return found == table_->column_.end() ? std::string_view{} : table_->records_[row_].cells[found->second];
}

void CsvRow::finding(std::string_view column, std::string_view problem, std::string remedy) const {
    if (!table_->column_.contains(column)) return;  // already a finding of the heading
    table_->findings_.push_back({table_->path_, fmt::format("line {}, column {}", table_->records_[row_].line, column),
                                 fmt::format("\"{}\" {}", cell(column), problem), std::move(remedy)});
}

std::string_view CsvRow::text(std::string_view column) const {
    auto const value = cell(column);
    if (value.empty()) finding(column, "is empty", "fill it in");
    return value;
}

double CsvRow::number(std::string_view column) const {
    auto const value = cell(column);
    double result = 0.0;
    auto const [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
    if (error == std::errc{} && end == value.data() + value.size() && std::isfinite(result)) return result;
    finding(column, "is no number", "write it like 0.25 or 4160");
    return 0.0;
}

double CsvRow::number_within(std::string_view column, double low, double high) const {
    double const value = number(column);
    if (value < low || value > high) finding(column, "is out of range", fmt::format("give {} to {}", low, high));
    return value;
}

double CsvRow::positive(std::string_view column) const {
    double const value = number(column);
    if (value > 0.0) return value;
    finding(column, "is not positive", "give a number above zero");
    return 1.0;
}

int CsvRow::integer(std::string_view column) const {
    double const value = number(column);
    if (value == std::round(value) && std::abs(value) <= std::numeric_limits<int>::max())
        return static_cast<int>(value);
    finding(column, "is no whole number", "write it like -3 or 12");
    return 0;
}

std::size_t CsvRow::one_of(std::string_view column, std::initializer_list<std::string_view> choices) const {
    auto const found = std::ranges::find(choices, cell(column));
    if (found != choices.end()) return static_cast<std::size_t>(found - choices.begin());
    finding(column, "is not known", fmt::format("choose {}", fmt::join(choices, " or ")));
    return 0;
}

std::vector<Phase> CsvRow::phases(std::string_view column) const {
    std::vector<Phase> phases;
    for (char letter : cell(column)) {
        auto const phase = phase_from_text({&letter, 1});
        if (!phase || std::ranges::find(phases, *phase) != phases.end()) {
            phases.clear();
            break;
        }
        phases.push_back(*phase);
    }
    if (phases.empty()) {
        finding(column, "are no phases", "write each of A, B and C at most once, as in ABC or B");
        phases.push_back(Phase::a);
    }
    return phases;
}

}  // namespace dec::feeder
