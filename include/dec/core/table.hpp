/// \file table.hpp
/// Columnar storage of named things: plain rows side by side, their names and mRIDs in two text columns.
/// Rows are trivially copyable, so that a table goes through MPI and HDF5 as it lies in memory.
#pragma once

#include <cstdint>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "dec/core/index.hpp"

namespace dec::core {

/// Many short texts in one buffer.
class TextColumn {
  public:
    void push_back(std::string_view text) {
        bytes_.insert(bytes_.end(), text.begin(), text.end());
        ends_.push_back(static_cast<std::int64_t>(bytes_.size()));
    }
    [[nodiscard]] std::size_t size() const { return ends_.size(); }
    [[nodiscard]] std::string_view operator[](std::size_t row) const {
        auto const begin = row == 0 ? 0 : static_cast<std::size_t>(ends_[row - 1]);
        return {bytes_.data() + begin, static_cast<std::size_t>(ends_[row]) - begin};
    }
    void reserve(std::size_t rows, std::size_t bytes) {
        ends_.reserve(rows);
        bytes_.reserve(bytes);
    }
    bool operator==(TextColumn const&) const = default;
    [[nodiscard]] std::vector<char>& bytes() { return bytes_; }
    [[nodiscard]] std::vector<std::int64_t>& ends() { return ends_; }
    [[nodiscard]] std::vector<char> const& bytes() const { return bytes_; }
    [[nodiscard]] std::vector<std::int64_t> const& ends() const { return ends_; }

  private:
    std::vector<char> bytes_;
    std::vector<std::int64_t> ends_;  // one past the last byte of each text
};

/// Rows of one kind with a name and an mRID each; addressed by `Index<Row>`.
template <class Row>
class Table {
    static_assert(std::is_trivially_copyable_v<Row>);

  public:
    using Id = Index<Row>;

    Id add(Row const& row, std::string_view name, std::string_view mrid = {}) {
        rows_.push_back(row);
        names_.push_back(name);
        mrids_.push_back(mrid);
        return Id{rows_.size() - 1};
    }
    [[nodiscard]] std::size_t size() const { return rows_.size(); }
    [[nodiscard]] bool empty() const { return rows_.empty(); }
    [[nodiscard]] Row& operator[](Id id) { return rows_[id.at()]; }
    [[nodiscard]] Row const& operator[](Id id) const { return rows_[id.at()]; }
    [[nodiscard]] std::string_view name(Id id) const { return names_[id.at()]; }
    [[nodiscard]] std::string_view mrid(Id id) const { return mrids_[id.at()]; }
    [[nodiscard]] std::span<Row> rows() { return rows_; }
    [[nodiscard]] std::span<Row const> rows() const { return rows_; }
    /// All ids in the table's order.
    [[nodiscard]] auto ids() const {
        return std::views::iota(std::int32_t{0}, static_cast<std::int32_t>(rows_.size())) |
               std::views::transform([](std::int32_t i) { return Id{i}; });
    }
    [[nodiscard]] std::vector<Row>& storage() { return rows_; }
    [[nodiscard]] TextColumn& names() { return names_; }
    [[nodiscard]] TextColumn& mrids() { return mrids_; }
    [[nodiscard]] std::vector<Row> const& storage() const { return rows_; }
    [[nodiscard]] TextColumn const& names() const { return names_; }
    [[nodiscard]] TextColumn const& mrids() const { return mrids_; }

  private:
    std::vector<Row> rows_;
    TextColumn names_;
    TextColumn mrids_;
};

}  // namespace dec::core
