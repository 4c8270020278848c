//! Turns the text of a small configuration language into tokens, and tokens into values.

use std::collections::BTreeMap;
use std::fmt;
use std::iter::Peekable;
use std::str::CharIndices;

/// A place in the text; both count from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.line, self.column)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Word(String),
    Text(String),
    Number(f64),
    Open(char),
    Close(char),
    Equals,
    Comma,
    End,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    pub kind: Kind,
    pub position: Position,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Error {
    UnexpectedCharacter(char, Position),
    UnclosedText(Position),
    BadNumber(String, Position),
    Expected(&'static str, Token),
    Repeated(String, Position),
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::UnexpectedCharacter(character, position) => {
                write!(formatter, "{position}: unexpected {character:?}")
            }
            Error::UnclosedText(position) => write!(formatter, "{position}: this text has no end"),
            Error::BadNumber(text, position) => write!(formatter, "{position}: {text} is no number"),
            Error::Expected(what, token) => {
                write!(formatter, "{}: expected {what}, found {:?}", token.position, token.kind)
            }
            Error::Repeated(key, position) => write!(formatter, "{position}: {key} is set twice"),
        }
    }
}

impl std::error::Error for Error {}

pub struct Lexer<'a> {
    text: &'a str,
    characters: Peekable<CharIndices<'a>>,
    position: Position,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str) -> Self {
        let position = Position { line: 1, column: 1 };
        Lexer { text, characters: text.char_indices().peekable(), position }
    }

    /// Returns all tokens; the last one is `Kind::End`.
    pub fn tokens(mut self) -> Result<Vec<Token>, Error> {
        let mut tokens = Vec::new();
        loop {
            let token = self.next_token()?;
            let is_end = token.kind == Kind::End;
            tokens.push(token);
            if is_end {
                return Ok(tokens);
            }
        }
    }

    fn next_token(&mut self) -> Result<Token, Error> {
        self.skip_blanks();
        let position = self.position;
        let kind = match self.advance() {
            None => Kind::End,
            Some((_, '=')) => Kind::Equals,
            Some((_, ',')) => Kind::Comma,
            Some((_, c @ ('[' | '{'))) => Kind::Open(c),
            Some((_, c @ (']' | '}'))) => Kind::Close(c),
            Some((_, '"')) => Kind::Text(self.read_text(position)?),
            Some((start, c)) if c.is_ascii_digit() || c == '-' => self.read_number(start, position)?,
            Some((start, c)) if c.is_alphabetic() => Kind::Word(self.read_word(start)),
            Some((_, c)) => return Err(Error::UnexpectedCharacter(c, position)),
        };
        Ok(Token { kind, position })
    }

    fn advance(&mut self) -> Option<(usize, char)> {
        let (index, character) = self.characters.next()?;
        if character == '\n' {
            self.position.line += 1;
            self.position.column = 1;
        } else {
            self.position.column += 1;
        }
        Some((index, character))
    }

    fn peek(&mut self) -> Option<char> {
        self.characters.peek().map(|&(_, character)| character)
    }

    fn skip_blanks(&mut self) {
        while let Some(character) = self.peek() {
            if character == '#' {
                self.skip_while(|c| c != '\n');
            } else if character.is_whitespace() {
                self.advance();
            } else {
                break;
            }
        }
    }

    fn skip_while(&mut self, accepts: impl Fn(char) -> bool) -> usize {
        while self.peek().is_some_and(&accepts) {
            self.advance();
        }
        self.characters.peek().map_or(self.text.len(), |&(index, _)| index)
    }

    fn read_word(&mut self, start: usize) -> String {
        let end = self.skip_while(|c| c.is_alphanumeric() || c == '_' || c == '.');
        self.text[start..end].to_string()
    }

    fn read_number(&mut self, start: usize, position: Position) -> Result<Kind, Error> {
        let end = self.skip_while(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | '-' | '_'));
        let digits = self.text[start..end].replace('_', "");
        let number = digits.parse().map_err(|_| Error::BadNumber(digits.clone(), position))?;
        Ok(Kind::Number(number))
    }

    fn read_text(&mut self, opened: Position) -> Result<String, Error> {
        let mut text = String::new();
        while let Some((_, character)) = self.advance() {
            match character {
                '"' => return Ok(text),
                '\\' => text.push(self.read_escape(opened)?),
                other => text.push(other),
            }
        }
        Err(Error::UnclosedText(opened))
    }

    fn read_escape(&mut self, opened: Position) -> Result<char, Error> {
        let position = self.position;
        match self.advance() {
            Some((_, 'n')) => Ok('\n'),
            Some((_, 't')) => Ok('\t'),
            Some((_, c @ ('"' | '\\'))) => Ok(c),
            Some((_, c)) => Err(Error::UnexpectedCharacter(c, position)),
            None => Err(Error::UnclosedText(opened)),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Flag(bool),
    Number(f64),
    Text(String),
    List(Vec<Value>),
    Table(BTreeMap<String, Value>),
}

impl Value {
    /// Follows a path of keys such as `server.port`.
    pub fn get(&self, path: &str) -> Option<&Value> {
        let mut value = self;
        for key in path.split('.') {
            match value {
                Value::Table(table) => value = table.get(key)?,
                Value::List(list) => value = list.get(key.parse::<usize>().ok()?)?,
                _ => return None,
            }
        }
        Some(value)
    }

    pub fn as_number(&self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(*number),
            Value::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub fn depth(&self) -> usize {
        match self {
            Value::List(list) => 1 + list.iter().map(Value::depth).max().unwrap_or(0),
            Value::Table(table) => 1 + table.values().map(Value::depth).max().unwrap_or(0),
            _ => 0,
        }
    }
}

pub struct Parser {
    tokens: Vec<Token>,
    next: usize,
}

impl Parser {
    pub fn parse(text: &str) -> Result<Value, Error> {
        let tokens = Lexer::new(text).tokens()?;
        let mut parser = Parser { tokens, next: 0 };
        let table = parser.entries(&Kind::End)?;
        Ok(Value::Table(table))
    }

    fn entries(&mut self, end: &Kind) -> Result<BTreeMap<String, Value>, Error> {
        let mut table = BTreeMap::new();
        loop {
            let token = self.take();
            if token.kind == *end {
                return Ok(table);
            }
            let Kind::Word(key) = token.kind.clone() else {
                return Err(Error::Expected("a key", token));
            };
            self.expect(&Kind::Equals, "an equals sign")?;
            let value = self.value()?;
            if table.insert(key.clone(), value).is_some() {
                return Err(Error::Repeated(key, token.position));
            }
            self.skip_comma();
        }
    }

    fn value(&mut self) -> Result<Value, Error> {
        let token = self.take();
        match token.kind.clone() {
            Kind::Number(number) => Ok(Value::Number(number)),
            Kind::Text(text) => Ok(Value::Text(text)),
            Kind::Word(word) if word == "true" || word == "false" => Ok(Value::Flag(word == "true")),
            Kind::Open('[') => self.list(),
            Kind::Open('{') => Ok(Value::Table(self.entries(&Kind::Close('}'))?)),
            _ => Err(Error::Expected("a value", token)),
        }
    }

    fn list(&mut self) -> Result<Value, Error> {
        let mut values = Vec::new();
        while self.tokens[self.next].kind != Kind::Close(']') {
            values.push(self.value()?);
            self.skip_comma();
        }
        self.take();
        Ok(Value::List(values))
    }

    fn expect(&mut self, kind: &Kind, what: &'static str) -> Result<(), Error> {
        let token = self.take();
        if token.kind == *kind {
            Ok(())
        } else {
            Err(Error::Expected(what, token))
        }
    }

    fn skip_comma(&mut self) {
        if self.tokens[self.next].kind == Kind::Comma {
            self.next += 1;
        }
    }

    /// Returns the next token; the end is returned again and again.
    fn take(&mut self) -> Token {
        let token = self.tokens[self.next].clone();
        if token.kind != Kind::End {
            self.next += 1;
        }
        token
    }
}
