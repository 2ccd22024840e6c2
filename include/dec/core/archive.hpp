/// \file archive.hpp
/// Packs trivially copyable values, vectors of them and texts into bytes and back, for one message between ranks
/// of the same run. Not a file format.
#pragma once

#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "dec/core/table.hpp"

namespace dec::core {

/// Appends to a byte buffer.
class Packer {
  public:
    Packer() = default;
    /// \param bytes expected, see Measurer.
    explicit Packer(std::size_t bytes) { bytes_.reserve(bytes); }

    template <class T>
        requires std::is_trivially_copyable_v<T>
    void operator()(T const& value) { append(&value, sizeof value); }
    template <class T>
        requires std::is_trivially_copyable_v<T>
    void operator()(std::vector<T> const& values) {
        (*this)(static_cast<std::int64_t>(values.size()));
        append(values.data(), values.size() * sizeof(T));
    }
    void operator()(std::string const& text) { (*this)(std::vector<char>(text.begin(), text.end())); }
    void operator()(TextColumn const& column) {
        (*this)(column.bytes());
        (*this)(column.ends());
    }
    template <class Row>
    void operator()(Table<Row> const& table) {
        (*this)(table.storage());
        (*this)(table.names());
        (*this)(table.mrids());
    }
    [[nodiscard]] std::vector<char> take() { return std::move(bytes_); }

  private:
    void append(void const* data, std::size_t size) {
        auto const* begin = static_cast<char const*>(data);
        bytes_.insert(bytes_.end(), begin, begin + size);
    }
    std::vector<char> bytes_;
};

/// Counts the bytes that `Packer` would write, so that a long message is not copied while it grows.
class Measurer {
  public:
    template <class T>
        requires std::is_trivially_copyable_v<T>
    void operator()(T const&) { size_ += sizeof(T); }
    template <class T>
        requires std::is_trivially_copyable_v<T>
    void operator()(std::vector<T> const& values) { size_ += sizeof(std::int64_t) + values.size() * sizeof(T); }
    void operator()(std::string const& text) { size_ += sizeof(std::int64_t) + text.size(); }
    void operator()(TextColumn const& column) {
        (*this)(column.bytes());
        (*this)(column.ends());
    }
    template <class Row>
    void operator()(Table<Row> const& table) {
        (*this)(table.storage());
        (*this)(table.names());
        (*this)(table.mrids());
    }
    [[nodiscard]] std::size_t size() const { return size_; }

  private:
    std::size_t size_ = 0;
};

/// Reads what `Packer` wrote, in the same order.
class Unpacker {
  public:
    explicit Unpacker(std::vector<char> const& bytes) : bytes_{bytes} {}

    template <class T>
        requires std::is_trivially_copyable_v<T>
    void operator()(T& value) { extract(&value, sizeof value); }
    template <class T>
        requires std::is_trivially_copyable_v<T>
    void operator()(std::vector<T>& values) {
        std::int64_t size = 0;
        (*this)(size);
        values.resize(static_cast<std::size_t>(size));
        extract(values.data(), values.size() * sizeof(T));
    }
    void operator()(std::string& text) {
        std::vector<char> bytes;
        (*this)(bytes);
        text.assign(bytes.begin(), bytes.end());
    }
    void operator()(TextColumn& column) {
        (*this)(column.bytes());
        (*this)(column.ends());
    }
    template <class Row>
    void operator()(Table<Row>& table) {
        (*this)(table.storage());
        (*this)(table.names());
        (*this)(table.mrids());
    }
    [[nodiscard]] bool exhausted() const { return position_ == bytes_.size(); }

  private:
    void extract(void* target, std::size_t size) {
        if (size > 0) std::memcpy(target, bytes_.data() + position_, size);
        position_ += size;
    }
    std::vector<char> const& bytes_;
    std::size_t position_ = 0;
};

}  // namespace dec::core
