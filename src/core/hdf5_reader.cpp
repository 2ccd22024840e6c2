#include <fcntl.h>
#include <fmt/format.h>
#include <hdf5.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <optional>
#include <system_error>
#include <utility>

#include "dec/core/error.hpp"
#include "dec/core/hdf5.hpp"
#include "hdf5_handle.hpp"

namespace dec::core {

struct Hdf5Reader::State {
    std::string path;
    Handle file{};
    std::string base{};  // group that paths lie below

    [[nodiscard]] std::string full(std::string const& below_base) const {
        return below_base == "/" && !base.empty() ? base : base + below_base;
    }
    [[noreturn]] void fail(std::string const& object, std::string const& problem) const {
        throw InvalidInput{{path, object, problem, {}}};
    }
    void open();
    [[nodiscard]] std::vector<std::string> objects(H5O_type_t kind) const;
    [[nodiscard]] AttributeValue attribute(hid_t object, std::string const& place, std::string const& name) const;
};

namespace {

/// What the operating system says of a file before HDF5 sees it.
void require_readable(std::string const& path) {
    int const file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status {};
    bool const regular = file >= 0 && fstat(file, &status) == 0 && S_ISREG(status.st_mode);
    int const failure = file < 0 ? errno : 0;
    if (file >= 0) close(file);
    if (failure == EACCES)
        throw SystemFailure{{path, {}, "cannot be read: Permission denied", "get permission to read it"}};
    if (failure != 0)
        throw InvalidInput{{path, {}, "cannot be read: " + std::generic_category().message(failure), "check the name"}};
    if (!regular) throw InvalidInput{{path, {}, "is not a file", "name an HDF5 file"}};
    if (!is_hdf5(path)) throw InvalidInput{{path, {}, "is not an HDF5 file", "name an HDF5 file"}};
}

/// Texts of a fixed length end at the first zero byte or at that length.
std::string fixed_text(char const* bytes, std::size_t size) { return {bytes, strnlen(bytes, size)}; }

std::optional<std::vector<std::string>> read_variable_texts(std::size_t count, hid_t space,
                                                            std::function<bool(hid_t, void*)> const& read) {
    auto const type = text_type(H5T_VARIABLE);
    std::vector<char*> pointers(count, nullptr);
    if (!read(type.id(), pointers.data())) return {};
    std::vector<std::string> texts;
    for (char const* text : pointers) texts.emplace_back(text == nullptr ? "" : text);
    H5Dvlen_reclaim(type.id(), space, H5P_DEFAULT, pointers.data());
    return texts;
}

std::optional<std::vector<std::string>> read_fixed_texts(std::size_t count, hid_t stored,
                                                         std::function<bool(hid_t, void*)> const& read) {
    auto const size = H5Tget_size(stored);
    std::vector<char> bytes(count * size);
    if (!read(stored, bytes.data())) return {};
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < count; ++i) texts.push_back(fixed_text(bytes.data() + i * size, size));
    return texts;
}

template <class Value>
std::optional<std::vector<Value>> read_numbers(std::size_t count, hid_t native,
                                               std::function<bool(hid_t, void*)> const& read) {
    std::vector<Value> values(count);
    if (!read(native, values.data())) return {};
    return values;
}

/// Values of a dataset or an attribute, or nothing if HDF5 cannot read them or they are of another kind.
std::optional<ColumnData> read_values(hid_t stored, hid_t space, std::function<bool(hid_t, void*)> const& read) {
    auto const count = static_cast<std::size_t>(std::max<hssize_t>(H5Sget_simple_extent_npoints(space), 0));
    switch (H5Tget_class(stored)) {
        case H5T_FLOAT: return read_numbers<double>(count, H5T_NATIVE_DOUBLE, read);
        case H5T_INTEGER: return read_numbers<std::int64_t>(count, H5T_NATIVE_INT64, read);
        case H5T_STRING:
            return H5Tis_variable_str(stored) > 0 ? read_variable_texts(count, space, read)
                                                  : read_fixed_texts(count, stored, read);
        default: return {};
    }
}

/// Rows, and values in a row.
std::pair<std::int64_t, std::size_t> shape_of(hid_t space) {
    std::vector<hsize_t> shape(static_cast<std::size_t>(std::max(H5Sget_simple_extent_ndims(space), 0)));
    H5Sget_simple_extent_dims(space, shape.data(), nullptr);
    std::size_t width = 1;
    for (std::size_t axis = 1; axis < shape.size(); ++axis) width *= shape[axis];
    return {shape.empty() ? 1 : static_cast<std::int64_t>(shape.front()), width};
}

}  // namespace

void Hdf5Reader::State::open() {
    silence_hdf5();
    require_readable(path);
    Handle const access_list{H5Pcreate(H5P_FILE_ACCESS), H5Pclose};
    // A finished file needs no lock, and some network file systems have none.
    H5Pset_file_locking(access_list.id(), false, true);
    file = {H5Fopen(path.c_str(), H5F_ACC_RDONLY, access_list.id()), H5Fclose};
    if (!file.valid()) throw InvalidInput{{path, {}, "is damaged or incomplete: " + hdf5_reason(), "write it again"}};
}

std::vector<std::string> Hdf5Reader::State::objects(H5O_type_t kind) const {
    struct Search {
        H5O_type_t kind;
        std::vector<std::string> found;
    } search{kind, {}};
    auto const note = [](hid_t, char const* name, H5O_info_t const* info, void* data) -> herr_t {
        auto& target = *static_cast<Search*>(data);
        if (info->type != target.kind) return 0;
        target.found.push_back(std::strcmp(name, ".") == 0 ? "/" : fmt::format("/{}", name));
        return 0;
    };
    if (H5Ovisit2(file.id(), H5_INDEX_NAME, H5_ITER_INC, note, &search, H5O_INFO_BASIC) < 0)
        fail("table of contents", "cannot be read: " + hdf5_reason());
    return std::move(search.found);
}

AttributeValue Hdf5Reader::State::attribute(hid_t object, std::string const& place, std::string const& name) const {
    Handle const attribute{H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose};
    Handle const type{H5Aget_type(attribute.id()), H5Tclose};
    Handle const space{H5Aget_space(attribute.id()), H5Sclose};
    if (H5Sget_simple_extent_npoints(space.id()) != 1) fail(place, "attribute " + name + " is not a single value");
    auto const values = read_values(type.id(), space.id(), [&](hid_t native, void* target) {
        return H5Aread(attribute.id(), native, target) >= 0;
    });
    if (!values) fail(place, "attribute " + name + " is neither a number nor a text");
    if (auto const* reals = std::get_if<std::vector<double>>(&*values)) return reals->front();
    if (auto const* integers = std::get_if<std::vector<std::int64_t>>(&*values)) return integers->front();
    return std::get<std::vector<std::string>>(*values).front();
}

bool is_hdf5(std::string const& path) {
    silence_hdf5();
    return H5Fis_hdf5(path.c_str()) > 0;
}

Hdf5Reader::Hdf5Reader(std::string path) : state_{std::make_unique<State>(State{std::move(path)})} { state_->open(); }

Hdf5Reader::~Hdf5Reader() = default;

std::vector<std::string> Hdf5Reader::datasets() const { return state_->objects(H5O_TYPE_DATASET); }

std::vector<std::string> Hdf5Reader::groups() const { return state_->objects(H5O_TYPE_GROUP); }

Column Hdf5Reader::column(std::string const& path) const {
    Handle const dataset{H5Dopen2(state_->file.id(), state_->full(path).c_str(), H5P_DEFAULT), H5Dclose};
    if (!dataset.valid()) state_->fail(path, "there is no such dataset");
    Handle const type{H5Dget_type(dataset.id()), H5Tclose};
    Handle const space{H5Dget_space(dataset.id()), H5Sclose};
    auto values = read_values(type.id(), space.id(), [&](hid_t native, void* target) {
        return H5Dread(dataset.id(), native, H5S_ALL, H5S_ALL, H5P_DEFAULT, target) >= 0;
    });
    if (!values) state_->fail(path, "cannot be read as numbers or texts");

    Column column{path.substr(path.rfind('/') + 1), {}, std::move(*values), shape_of(space.id()).second};
    if (H5Aexists(dataset.id(), "unit") > 0) {
        auto const unit = state_->attribute(dataset.id(), path, "unit");
        if (auto const* text = std::get_if<std::string>(&unit)) column.unit = *text;
    }
    return column;
}

namespace {

/// Reads rows of a dataset into consecutive bytes.
bool read_rows(hid_t dataset, hid_t native, std::int64_t first, std::int64_t count, std::size_t width, void* target) {
    Handle const source{H5Dget_space(dataset), H5Sclose};
    std::array<hsize_t, 2> const start{static_cast<hsize_t>(first), 0};
    std::array<hsize_t, 2> const shape{static_cast<hsize_t>(count), width};
    Handle const memory{H5Screate_simple(2, shape.data(), nullptr), H5Sclose};
    H5Sselect_hyperslab(source.id(), H5S_SELECT_SET, start.data(), nullptr, shape.data(), nullptr);
    return H5Dread(dataset, native, memory.id(), source.id(), H5P_DEFAULT, target) >= 0;
}

template <class Value>
std::optional<BlockData> read_number_rows(hid_t dataset, hid_t native, std::int64_t first, std::int64_t count,
                                          std::size_t width) {
    std::vector<Value> values(static_cast<std::size_t>(count) * width);
    if (count > 0 && !read_rows(dataset, native, first, count, width, values.data())) return {};
    return values;
}

std::optional<BlockData> read_text_rows(hid_t dataset, hid_t stored, std::int64_t first, std::int64_t count) {
    auto const size = H5Tget_size(stored);
    auto const rows = static_cast<std::size_t>(count);
    std::vector<char> bytes(rows * size);
    if (count > 0 && !read_rows(dataset, stored, first, count, 1, bytes.data())) return {};
    TextColumn texts;
    texts.reserve(rows, bytes.size());
    for (std::size_t row = 0; row < rows; ++row) {
        char const* text = bytes.data() + row * size;
        texts.push_back({text, strnlen(text, size)});
    }
    return texts;
}

bool is_of_kind(hid_t type, BlockKind kind) {
    switch (H5Tget_class(type)) {
        case H5T_FLOAT: return kind == BlockKind::real;
        case H5T_INTEGER: return kind == BlockKind::int32 || kind == BlockKind::uint8 || kind == BlockKind::int64;
        case H5T_STRING: return kind == BlockKind::text && H5Tis_variable_str(type) == 0;
        default: return false;
    }
}

}  // namespace

std::int64_t Hdf5Reader::rows(std::string const& path) const {
    Handle const dataset{H5Dopen2(state_->file.id(), state_->full(path).c_str(), H5P_DEFAULT), H5Dclose};
    if (!dataset.valid()) state_->fail(path, "there is no such dataset");
    Handle const space{H5Dget_space(dataset.id()), H5Sclose};
    return shape_of(space.id()).first;
}

BlockData Hdf5Reader::block(std::string const& path, BlockKind kind, std::size_t width, std::int64_t first,
                            std::int64_t count) const {
    Handle const dataset{H5Dopen2(state_->file.id(), state_->full(path).c_str(), H5P_DEFAULT), H5Dclose};
    if (!dataset.valid()) state_->fail(path, "there is no such dataset");
    Handle const type{H5Dget_type(dataset.id()), H5Tclose};
    Handle const space{H5Dget_space(dataset.id()), H5Sclose};
    auto const [rows, values] = shape_of(space.id());
    auto const extents = H5Sget_simple_extent_ndims(space.id());
    if (extents < 1 || extents > 2 || values != width || first < 0 || count < 0 || first + count > rows)
        state_->fail(path,
                     fmt::format("has {} rows of {} where {} of {} are wanted", rows, values, first + count, width));
    if (!is_of_kind(type.id(), kind)) state_->fail(path, "is of another type than it should be");
    auto const read = [&]() -> std::optional<BlockData> {
        switch (kind) {
            case BlockKind::real: return read_number_rows<double>(dataset.id(), H5T_NATIVE_DOUBLE, first, count, width);
            case BlockKind::int32:
                return read_number_rows<std::int32_t>(dataset.id(), H5T_NATIVE_INT32, first, count, width);
            case BlockKind::uint8:
                return read_number_rows<std::uint8_t>(dataset.id(), H5T_NATIVE_UINT8, first, count, width);
            case BlockKind::int64:
                return read_number_rows<std::int64_t>(dataset.id(), H5T_NATIVE_INT64, first, count, width);
            case BlockKind::text: return read_text_rows(dataset.id(), type.id(), first, count);
        }
        return {};
    };
    auto data = read();
    if (!data) state_->fail(path, "cannot be read: " + hdf5_reason());
    return std::move(*data);
}

Attributes Hdf5Reader::attributes(std::string const& path) const {
    Handle const object{H5Oopen(state_->file.id(), state_->full(path).c_str(), H5P_DEFAULT), H5Oclose};
    if (!object.valid()) state_->fail(path, "there is no such group or dataset");
    std::vector<std::string> names;
    auto const note = [](hid_t, char const* name, H5A_info_t const*, void* target) -> herr_t {
        static_cast<std::vector<std::string>*>(target)->emplace_back(name);
        return 0;
    };
    if (H5Aiterate2(object.id(), H5_INDEX_NAME, H5_ITER_INC, nullptr, note, &names) < 0)
        state_->fail(path, "attributes cannot be read: " + hdf5_reason());
    Attributes attributes;
    for (auto const& name : names) attributes.emplace(name, state_->attribute(object.id(), path, name));
    return attributes;
}

bool Hdf5Reader::contains(std::string const& path) const {
    auto const full = state_->full(path);
    if (full == "/") return true;
    for (std::size_t end = full.find('/', 1);; end = full.find('/', end + 1)) {
        if (H5Lexists(state_->file.id(), full.substr(0, end).c_str(), H5P_DEFAULT) <= 0) return false;
        if (end == std::string::npos) return true;
    }
}

void Hdf5Reader::below(std::string group) { state_->base = std::move(group); }

std::vector<std::string> Hdf5Reader::groups_in(std::string const& path) const {
    if (!contains(path)) return {};
    Handle const group{H5Gopen2(state_->file.id(), state_->full(path).c_str(), H5P_DEFAULT), H5Gclose};
    if (!group.valid()) return {};
    std::vector<std::string> names;
    auto const note = [](hid_t parent, char const* name, H5L_info_t const*, void* target) -> herr_t {
        Handle const object{H5Oopen(parent, name, H5P_DEFAULT), H5Oclose};
        if (H5Iget_type(object.id()) == H5I_GROUP) static_cast<std::vector<std::string>*>(target)->emplace_back(name);
        return 0;
    };
    if (H5Literate(group.id(), H5_INDEX_NAME, H5_ITER_INC, nullptr, note, &names) < 0)
        state_->fail(path, "cannot be read: " + hdf5_reason());
    return names;
}

}  // namespace dec::core
