/// \file csv.hpp
/// Tables with one heading line. Whatever is wrong in them is collected, with file, line and column.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dec/core/error.hpp"
#include "dec/feeder/phases.hpp"

namespace dec::feeder {

class CsvRow;

/// A whole table in memory. Cells are separated by commas and trimmed; there are no quotes. Empty lines do not count.
class CsvTable {
  public:
    /// Reads the file; absent files, missing, unknown and doubled columns and rows of another length become findings.
    /// `optional` columns may be missing: all their cells are empty then.
    CsvTable(std::string path, std::initializer_list<std::string_view> columns, std::vector<core::Finding>& findings,
             std::initializer_list<std::string_view> optional = {});

    [[nodiscard]] std::vector<CsvRow> rows() const;

  private:
    friend class CsvRow;
    struct Record {
        std::size_t line;  // from 1
        std::vector<std::string> cells;
    };
    void read_heading(std::vector<std::string> const& cells, std::initializer_list<std::string_view> columns,
                      std::initializer_list<std::string_view> optional);

    std::string path_;
    std::vector<core::Finding>& findings_;
    std::map<std::string, std::size_t, std::less<>> column_;
    std::vector<Record> records_;
};

/// One line of a table. After a finding the functions return something harmless, so that reading can go on.
class CsvRow {
  public:
    CsvRow(CsvTable const& table, std::size_t row) : table_{&table}, row_{row} {}

    [[nodiscard]] bool is_empty(std::string_view column) const { return cell(column).empty(); }
    [[nodiscard]] std::size_t line() const;
    [[nodiscard]] std::string_view text(std::string_view column) const;  ///< must not be empty
    [[nodiscard]] double number(std::string_view column) const;
    [[nodiscard]] double number_within(std::string_view column, double low, double high) const;
    [[nodiscard]] double positive(std::string_view column) const;
    [[nodiscard]] int integer(std::string_view column) const;
    /// Position of the text among `choices`.
    [[nodiscard]] std::size_t one_of(std::string_view column, std::initializer_list<std::string_view> choices) const;
    /// Letters A, B, C in the order written, each once.
    [[nodiscard]] std::vector<Phase> phases(std::string_view column) const;

    /// "… \"value\" <problem>; remedy", with this row's line.
    void finding(std::string_view column, std::string_view problem, std::string remedy) const;

  private:
    [[nodiscard]] std::string_view cell(std::string_view column) const;
    CsvTable const* table_;
    std::size_t row_;
};

}  // namespace dec::feeder
